# SPDX-License-Identifier: BSD-3-Clause
# Man pages, from what the program prints and from Markdown; completion for shells.
if NATIVE
man_MANS = \
  docs/man/rademacher.1 \
  docs/man/rademacher-check.1 \
  docs/man/rademacher-data.1 \
  docs/man/rademacher-export.1 \
  docs/man/rademacher-help.1 \
  docs/man/rademacher-new.1 \
  docs/man/rademacher-plugins.1 \
  docs/man/rademacher-report.1 \
  docs/man/rademacher-run.1 \
  docs/man/rademacher-show.1 \
  docs/man/rademacher-trials.1 \
  docs/man/rademacher-watch.1
if HAVE_LOWDOWN
man_MANS += docs/man/rademacher.ini.5 docs/man/rademacher-plugin.7
endif
$(man_MANS): docs/man/stamp
docs/man/stamp: docs/man/pages.sh docs/man/page.awk docs/config.md docs/plugins.md \
    rademacher$(EXEEXT) $(LTLIBRARIES)
	@$(MKDIR_P) docs/man
	$(AM_V_GEN)$(SHELL) "$(srcdir)/docs/man/pages.sh" ./rademacher$(EXEEXT) "$(srcdir)" docs/man \
	  "$(PACKAGE_VERSION)" "$(RELEASE_DATE)" "$(LOWDOWN)"
	@touch $@
CLEANFILES += $(man_MANS) docs/man/stamp
endif

bashcompletiondir = $(datadir)/bash-completion/completions
dist_bashcompletion_DATA = docs/completion/rademacher
zshcompletiondir = $(datadir)/zsh/site-functions
dist_zshcompletion_DATA = docs/completion/_rademacher
fishcompletiondir = $(datadir)/fish/vendor_completions.d
dist_fishcompletion_DATA = docs/completion/rademacher.fish
