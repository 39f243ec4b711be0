// SPDX-License-Identifier: BSD-3-Clause
// safetensors_header.js - prints the header of a safetensors file as @huggingface/hub reads it, which
// asks a server for ranges of bytes: here that is the file. NODE_PATH says where the package is.
const fs = require("fs");
const { parseSafetensorsMetadata } = require("@huggingface/hub");

const bytes = fs.readFileSync(process.argv[2]);

async function served(_, init) {
  const range = /bytes=(\d+)-(\d+)/.exec(new Headers(init.headers).get("range"));
  const from = Number(range[1]), to = Math.min(Number(range[2]) + 1, bytes.length);
  const headers = { "content-range": `bytes ${from}-${to - 1}/${bytes.length}`, etag: '"it"' };
  return new Response(bytes.subarray(from, to), { status: 206, headers });
}

parseSafetensorsMetadata({ repo: "any/one", path: "it.safetensors", fetch: served }).then(
  (read) => console.log(JSON.stringify(read.header)),
  (why) => {
    console.error(String(why));
    process.exit(1);
  });
