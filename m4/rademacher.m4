dnl SPDX-License-Identifier: BSD-3-Clause

dnl RAD_COMPILER(FLAG, VARIABLE, [IF-NOT]): appends FLAG to VARIABLE where the compiler takes it.
dnl Clang only warns about flags that it does not know, hence -Werror.
AC_DEFUN([RAD_COMPILER],
[AC_MSG_CHECKING([whether $CC accepts $1])
rad_save_CFLAGS=$CFLAGS
CFLAGS="$CFLAGS -Werror $1"
AC_LINK_IFELSE([AC_LANG_SOURCE([[int main(void) { return 0; }]])],
  [AC_MSG_RESULT([yes])
   AS_VAR_APPEND([$2], [" $1"])],
  [AC_MSG_RESULT([no])
   $3])
CFLAGS=$rad_save_CFLAGS
AC_SUBST([$2])])

dnl RAD_LINKER(FLAG, VARIABLE): the same for a flag of the linker.
AC_DEFUN([RAD_LINKER],
[AC_MSG_CHECKING([whether the linker accepts $1])
rad_save_LDFLAGS=$LDFLAGS
LDFLAGS="$LDFLAGS $1"
AC_LINK_IFELSE([AC_LANG_SOURCE([[int main(void) { return 0; }]])],
  [AC_MSG_RESULT([yes])
   AS_VAR_APPEND([$2], [" $1"])],
  [AC_MSG_RESULT([no])])
LDFLAGS=$rad_save_LDFLAGS
AC_SUBST([$2])])

dnl RAD_ISA(NAME, FLAGS, FEATURE): defines HAVE_NAME in NATIVE_CPPFLAGS and sets NAME_CFLAGS where the
dnl compiler makes code for this instruction set of x86 and can ask a machine for it.
AC_DEFUN([RAD_ISA],
[AC_MSG_CHECKING([whether $CC has $1])
rad_save_CFLAGS=$CFLAGS
CFLAGS="$CFLAGS -Werror $2"
AC_LINK_IFELSE([AC_LANG_PROGRAM([[
    #if !defined __x86_64__ && !defined __i386__
    #error another kind of machine
    #endif
    #include <immintrin.h>
    typedef float vec __attribute__((vector_size(32), aligned(4), may_alias));]],
    [[vec v = {0}; v += 2.0f * v; return !__builtin_cpu_supports("$3") && v[0] != 0.0f;]])],
  [rad_isa_$1=yes
   $1_CFLAGS="$2"
   NATIVE_CPPFLAGS="$NATIVE_CPPFLAGS -DHAVE_$1"],
  [rad_isa_$1=no])
CFLAGS=$rad_save_CFLAGS
AC_MSG_RESULT([$rad_isa_$1])
AC_SUBST([$1_CFLAGS])
AM_CONDITIONAL([HAVE_$1], [test "$rad_isa_$1" = yes])])

dnl RAD_LIB(NAME, MODULE, HEADER, FUNCTION, LIBS, PACKAGES, required | WHAT-IS-LEFT-OUT)
dnl Sets NAME_CFLAGS and NAME_LIBS, unless the user has, from pkg-config's MODULE or to LIBS, and
dnl defines HAVE_NAME. An error says which packages to install.
AC_DEFUN([RAD_LIB],
[AC_ARG_VAR([$1_CFLAGS], [C compiler flags for $2])
AC_ARG_VAR([$1_LIBS], [linker flags for $2])
AC_MSG_CHECKING([for $2])
AS_IF([test -z "$$1_CFLAGS$$1_LIBS"],
  [AS_IF([test -n "$PKG_CONFIG" && $PKG_CONFIG --exists $2],
    [$1_CFLAGS=`$PKG_CONFIG --cflags $2`
     $1_LIBS=`$PKG_CONFIG --libs $2`],
    [$1_LIBS="$5"])])
rad_save_CPPFLAGS=$CPPFLAGS
rad_save_LIBS=$LIBS
CPPFLAGS="$CPPFLAGS $$1_CFLAGS"
LIBS="$$1_LIBS $LIBS"
rad_have_$1=no
AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <$3>]],
    [[void (*volatile f)(void) = (void (*)(void))$4; return !f;]])],
  [rad_have_$1=yes])
CPPFLAGS=$rad_save_CPPFLAGS
LIBS=$rad_save_LIBS
AC_MSG_RESULT([$rad_have_$1])
AS_IF([test "$rad_have_$1" = yes],
  [AC_DEFINE([HAVE_$1], [1], [Define to 1 where $2 is there])],
  [m4_if([$7], [required],
    [AC_MSG_ERROR([cannot link with $2 (<$3>, $4).
  Install it: $6
  or set $1_CFLAGS and $1_LIBS; config.log has the details.])],
    [$1_CFLAGS= $1_LIBS=
     AS_VAR_APPEND([rad_left_out], ["
  $7; install $6"])])])])
