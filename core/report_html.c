/* SPDX-License-Identifier: BSD-3-Clause
 * report_html.c - one HTML file that needs no other: style and script inside, nothing is fetched.
 * Readable without the script; with it tables sort and filter, and long ones show all rows. */
#include "json.h"
#include "report.h"
#include "utf8.h"
#include <string.h>

enum { STATIC_ROWS = 200 };

/* Ill-formed UTF-8 becomes U+FFFD, control characters blanks. */
void html_text(text *t, const char *s)
{
  const char *const end = s + strlen(s);
  while (s < end) {
    const size_t n = utf8_length(s, (size_t)(end - s));
    const char *as = n == 0                                            ? "\xEF\xBF\xBD"
                     : *s == '&'                                       ? "&amp;"
                     : *s == '<'                                       ? "&lt;"
                     : *s == '>'                                       ? "&gt;"
                     : *s == '"'                                       ? "&quot;"
                     : *s == '\''                                      ? "&#39;"
                     : (unsigned char)*s < 0x20 && !strchr("\n\t", *s) ? " "
                                                                       : NULL;
    if (as)
      text_puts(t, as);
    else
      text_add(t, s, n);
    s += n > 0 ? n : 1;
  }
}

static const char *const style[] = {
    ":root{color-scheme:light dark;--fg:#1a1a1a;--bg:#fff;--soft:#f3f4f6;--line:#d5d8dc;"
    "--dim:#5b6168;--link:#0060a0}\n"
    "@media(prefers-color-scheme:dark){:root{--fg:#e6e6e6;--bg:#15181c;--soft:#1f242a;"
    "--line:#3a4149;--dim:#a3abb3;--link:#7cc0f0}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0 auto;max-width:74rem;padding:1rem 1.2rem 4rem;font:16px/1.5 system-ui,"
    "-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;color:var(--fg);"
    "background:var(--bg)}\n"
    "h1{font-size:1.6rem;margin:.6rem 0 .2rem;overflow-wrap:anywhere}\n"
    "h2{font-size:1.25rem;margin:2.2rem 0 .5rem;border-bottom:1px solid var(--line);"
    "padding-bottom:.2rem}\n"
    "h3{font-size:1rem;margin:1.2rem 0 .3rem}\n"
    "a{color:var(--link)}\nnav{display:flex;flex-wrap:wrap;gap:0 1rem}\n"
    ".dim,figcaption,caption{color:var(--dim);font-size:.88rem}\n"
    ".state{display:inline-block;padding:0 .5rem;border:1px solid var(--line);"
    "border-radius:.8rem;font-size:.85rem;vertical-align:middle}\n"
    ".warn{border-left:4px solid #D55E00;padding:.3rem .8rem;background:var(--soft)}\n"
    ".verdict p{font-size:1.08rem;margin:.5rem 0}\n",
    ".wide{overflow-x:auto}\n"
    "table{border-collapse:collapse;font-size:.88rem;font-variant-numeric:tabular-nums}\n"
    "th,td{padding:.18rem .6rem;border-bottom:1px solid var(--line);text-align:right;"
    "white-space:nowrap}\n"
    "td.t,th.t{text-align:left;white-space:normal;overflow-wrap:break-word}\n"
    "td.t{max-width:40rem}\n"
    "thead th{background:var(--soft);position:sticky;top:0;vertical-align:bottom}\n"
    "th button{all:unset;cursor:pointer;font:inherit;font-weight:bold}\n"
    "th button:focus-visible,summary:focus-visible{outline:2px solid var(--link)}\n"
    "th[aria-sort=ascending] button::after{content:' \\2191'}\n"
    "th[aria-sort=descending] button::after{content:' \\2193'}\n"
    ".filter{margin:.4rem 0;display:flex;gap:.8rem;flex-wrap:wrap;align-items:center;"
    "font-size:.9rem}\n"
    ".filter input{font:inherit;padding:.15rem .4rem;width:min(24rem,60vw)}\n"
    "pre{background:var(--soft);padding:.6rem .8rem;overflow-x:auto;font-size:.84rem;"
    "line-height:1.4}\n"
    ".figures{display:flex;flex-wrap:wrap;gap:1rem 1.5rem;align-items:flex-start}\n"
    "figure{margin:.5rem 0;display:table;max-width:100%}\n"
    "figure svg{display:block;max-width:100%;height:auto;color:var(--fg)}\n"
    "figcaption{display:table-caption;caption-side:bottom}\n"
    "figcaption b{color:var(--fg)}\nsummary{cursor:pointer;padding:.2rem 0}\n"
    ".tiles{display:flex;flex-wrap:wrap;gap:.5rem}\n"
    ".tiles figure{margin:0;text-align:center}\n"
    ".tiles img{image-rendering:pixelated;border:1px solid "
    "var(--line);display:block;margin:auto}\n",
    "@media(max-width:50rem){.wide table{width:max-content}td.t{max-width:18rem}}\n"
    "@media print{body{max-width:none;font-size:10pt}nav,.filter{display:none}"
    "figure,tr{break-inside:avoid}thead th{position:static}.wide{overflow:visible}"
    "pre{white-space:pre-wrap}:root{--fg:#000;--bg:#fff;--soft:#f3f4f6;--line:#bbb}}\n"};

static const char *const script[] = {
    "'use strict';\n"
    "const num=s=>{const t=s.replace(/^[>\\s]+/,'');"
    "if(/^-?inf$/.test(t))return t[0]==='-'?-Infinity:Infinity;"
    "const v=parseFloat(t);return t===''||isNaN(v)?null:v};\n"
    "const order=(a,b)=>{const x=num(a),y=num(b);"
    "if(x!==null&&y!==null)return x<y?-1:x>y?1:0;"
    "if(x!==null)return -1;if(y!==null)return 1;"
    "return a.localeCompare(b,undefined,{numeric:true})};\n"
    "const hit=(row,head,words)=>words.every(w=>{"
    "const m=w.match(/^([^<>=]+)(<=|>=|<|>|=)(.*)$/);"
    "const i=m?head.findIndex(h=>h===m[1]||h.endsWith('.'+m[1])):-1;"
    "if(i<0)return row.some(c=>c.toLowerCase().includes(w));"
    "const c=row[i].toLowerCase(),x=num(c),y=num(m[3]);"
    "if(m[2]==='=')return c===m[3]||(x!==null&&x===y);"
    "if(x===null||y===null)return false;"
    "return m[2]==='<'?x<y:m[2]==='>'?x>y:m[2]==='<='?x<=y:x>=y});\n",
    "for(const table of document.querySelectorAll('table[data-sort]')){\n"
    "const head=[...table.tHead.rows[0].cells],names=head.map(h=>h.textContent.toLowerCase());\n"
    "const body=table.tBodies[0],left=head.map(h=>h.className);\n"
    "const rows=[...body.rows].map(r=>[...r.cells].map(c=>c.textContent));\n"
    "const more=document.getElementById(table.id+'-rows');\n"
    "if(more)rows.push(...JSON.parse(more.textContent));\n"
    "let shown=rows,sorted=-1,down=false,most=200;\n"
    "const bar=document.createElement('div'),label=document.createElement('label'),"
    "input=document.createElement('input'),said=document.createElement('span'),"
    "all=document.createElement('button');\n"
    "bar.className='filter';input.type='search';"
    "input.placeholder='words, or column>0.9';label.append('Filter ',input);"
    "all.textContent='show all';all.type='button';said.setAttribute('role','status');"
    "bar.append(label,said,all);if(rows.length>7)table.closest('.wide').before(bar);\n"
    "const draw=()=>{const part=document.createDocumentFragment();"
    "for(const r of shown.slice(0,most)){const tr=document.createElement('tr');"
    "r.forEach((c,i)=>{const td=document.createElement('td');td.className=left[i];"
    "td.textContent=c;tr.append(td)});part.append(tr)}\n"
    "body.replaceChildren(part);"
    "said.textContent=`${Math.min(most,shown.length)} of ${rows.length} rows`;"
    "all.hidden=shown.length<=most};\n",
    "const update=()=>{const words=input.value.toLowerCase().split(/\\s+/).filter(w=>w);"
    "shown=words.length?rows.filter(r=>hit(r,names,words)):rows.slice();"
    "if(sorted>=0)shown.sort((a,b)=>{const blank=(a[sorted]==='')-(b[sorted]==='');"
    "return blank||(down?-1:1)*order(a[sorted],b[sorted])});draw()};\n"
    "head.forEach((h,i)=>{const b=document.createElement('button');b.type='button';"
    "b.textContent=h.textContent;h.replaceChildren(b);"
    "b.addEventListener('click',()=>{down=sorted===i?!down:false;sorted=i;"
    "head.forEach((o,k)=>k===i?o.setAttribute('aria-sort',down?'descending':'ascending')"
    ":o.removeAttribute('aria-sort'));update()})});\n"
    "input.addEventListener('input',update);"
    "all.addEventListener('click',()=>{most=Infinity;draw()});\n"
    "if(more)more.remove();update()}\n"};

void html_put(text *t, const char *tag, const char *s)
{
  text_printf(t, "<%s>", tag);
  html_text(t, s);
  text_printf(t, "</%.*s>\n", (int)strcspn(tag, " "), tag);
}

void html_begin(text *t, const char *title)
{
  text_puts(t, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
               "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
               "style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\">\n"
               "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
               "<link rel=\"icon\" href=\"data:,\">\n<title>");
  html_text(t, title);
  text_puts(t, "</title>\n<style>\n");
  for (size_t i = 0; i < sizeof style / sizeof *style; i++)
    text_puts(t, style[i]);
  text_puts(t, "</style>\n</head>\n<body>\n");
}

void html_end(text *t)
{
  text_puts(t, "<script>\n");
  for (size_t i = 0; i < sizeof script / sizeof *script; i++)
    text_puts(t, script[i]);
  text_puts(t, "</script>\n</body>\n</html>\n");
}

/* --- tables --- */
/* A title that starts with '<' is of words, to the left. */
void html_table_begin(html_table *t, text *out, const char *id, const char *const *head,
                      size_t columns)
{
  *t = (html_table){.out = out, .id = id, .head = head, .columns = columns};
  text_puts(out, "<div class=\"wide\"><table id=\"");
  html_text(out, id);
  text_puts(out, "\" data-sort><thead><tr>");
  for (size_t i = 0; i < columns; i++) {
    text_puts(out, *head[i] == '<' ? "<th class=\"t\" scope=\"col\">" : "<th scope=\"col\">");
    html_text(out, head[i] + (*head[i] == '<'));
    text_puts(out, "</th>");
  }
  text_puts(out, "</tr></thead><tbody>\n");
}

void html_cell(html_table *t, const char *s)
{
  const bool first = t->cell == 0, late = t->rows >= STATIC_ROWS;
  if (late && first)
    text_puts(&t->rest, t->rest.n == 0 ? "[" : ",\n");
  if (late && first)
    json_open(&t->rest, NULL, '[');
  if (late) {
    json_text(&t->rest, NULL, s);
  } else {
    text_puts(t->out, first ? "<tr>" : "");
    text_puts(t->out, *t->head[t->cell] == '<' ? "<td class=\"t\">" : "<td>");
    html_text(t->out, s);
    text_puts(t->out, "</td>");
  }
  if (++t->cell < t->columns)
    return;
  if (late)
    json_close(&t->rest, ']');
  else
    text_puts(t->out, "</tr>\n");
  t->cell = 0;
  t->rows++;
}

void html_table_end(html_table *t)
{
  text_puts(t->out, "</tbody></table></div>\n");
  if (t->rest.n > 0) { /* no '<' may end the script early */
    text_puts(t->out, "<script type=\"application/json\" id=\"");
    html_text(t->out, t->id);
    text_puts(t->out, "-rows\">");
    for (const char *s = t->rest.s; *s;) {
      const size_t n = strcspn(s, "<");
      text_add(t->out, s, n);
      text_puts(t->out, s[n] == '<' ? "\\u003c" : "");
      s += n + (s[n] == '<');
    }
    text_puts(t->out, "]</script>\n<noscript><p class=\"dim\">The first rows; `rademacher trials` "
                      "lists all.</p></noscript>\n");
    t->out->failed = t->out->failed || t->rest.failed;
  }
  text_free(&t->rest);
}

/* --- SVG --- */
typedef struct swap {
  const char *from, *to; /* to NULL: `from` and the figure's name */
} swap;

static void put_svg(text *t, const char *s, size_t n, const figure *f)
{
  static const swap swaps[] = {{" id=\"", NULL},
                               {" id='", NULL},
                               {"href='#", NULL},
                               {"url(#", NULL},
                               {"\"black\"", "\"currentColor\""},
                               {"'black'", "'currentColor'"},
                               {"'rgb(  0,   0,   0)'", "'currentColor'"},
                               {"<title>Gnuplot</title>", ""}};
  const char *const end = s + n;
  while (s < end) {
    size_t k = 0, m = 0;
    for (; k < sizeof swaps / sizeof *swaps; k++) {
      m = strlen(swaps[k].from);
      if (*s == *swaps[k].from && (size_t)(end - s) >= m && memcmp(s, swaps[k].from, m) == 0)
        break;
    }
    if (k == sizeof swaps / sizeof *swaps) {
      text_add(t, s++, 1);
      continue;
    }
    text_puts(t, swaps[k].to ? swaps[k].to : swaps[k].from);
    if (!swaps[k].to)
      text_printf(t, "%s-", f->name);
    s += m;
  }
}

static rad_status put_inline(text *t, const figures *fs, const figure *f, diag *d)
{
  arena mem = {0};
  fs_bytes b = {0};
  const char *path = arena_printf(&mem, "%s/%s.svg", fs->dir, f->name);
  rad_status s = path ? fs_map(path, 0, 0, &b, d) : RAD_ENOMEM;
  for (size_t i = 0; s >= 0 && i + 5 < b.n; i++)
    if (memcmp(b.p + i, "<svg", 4) == 0) {
      text_puts(t, "<svg role=\"img\" aria-label=\"");
      html_text(t, f->title);
      text_puts(t, "\"");
      put_svg(t, (const char *)b.p + i + 4, b.n - i - 4, f);
      break;
    }
  fs_unmap(&b);
  arena_free(&mem);
  return s;
}

/* --- figures --- */
rad_status html_figure(text *t, const figures *fs, const figure *f, diag *d)
{
  text_puts(t, "<figure>\n");
  if (f->drawn)
    RAD_TRY(put_inline(t, fs, f, d));
  text_puts(t, "<figcaption><b>");
  html_text(t, f->title);
  text_puts(t, ".</b> ");
  html_text(t, text_str(&f->caption));
  text_printf(t, " <span class=\"dim\">figures/%s.{csv,gp%s}</span></figcaption>\n</figure>\n",
              f->name, f->drawn ? ",svg,png" : "");
  return RAD_OK;
}

static bool is_of(const figure *f, const run_dir *r)
{
  return strncmp(f->name, r->prefix, strlen(r->prefix)) == 0;
}

size_t html_count(const figures *fs, const run_dir *r, enum figure_part part)
{
  size_t n = 0;
  for (size_t i = 0; i < fs->n; i++)
    n += is_of(fs->v[i], r) && fs->v[i]->part == part;
  return n;
}

rad_status html_figures(text *t, const figures *fs, const run_dir *r, enum figure_part part,
                        diag *d)
{
  text_puts(t, "<div class=\"figures\">\n");
  for (size_t i = 0; i < fs->n; i++)
    if (is_of(fs->v[i], r) && fs->v[i]->part == part)
      RAD_TRY(html_figure(t, fs, fs->v[i], d));
  text_puts(t, "</div>\n");
  return RAD_OK;
}
