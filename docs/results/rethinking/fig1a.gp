# SPDX-License-Identifier: BSD-3-Clause
# gnuplot -e "name='fig1a-cifar10'; data='CIFAR-10'" fig1a.gp: the training loss of each network and corruption
set datafile separator ","
set terminal svg size 900,640 font "Helvetica,14" background "white"
set output name.".svg"
set multiplot layout 2,2 title data.", 10,000 images: mean over 5 seeds, band: its 95 % interval" font ",15"
set logscale y
set yrange [5e-4:6]
set format y "10^{%T}"
set xlabel "epoch"
set ylabel "training loss (nats)"
set key top right font ",12" samplen 2
set style fill transparent solid 0.2 noborder
arms = "true labels shuffled pixels gaussian"
titles = "'true' 'random labels' 'shuffled pixels' 'random pixels' 'Gaussian'"
colours = "#000000 #D55E00 #0072B2 #009E73 #CC79A7"
at(net, arm, v) = strcol(1) eq net && strcol(2) eq arm && column(3) > 0 ? v : NaN
low(v, half) = v - half > 1e-4 ? v - half : 1e-4
do for [net in "mlp1 mlp3 cnn ioc"] {
  set title net
  if (net ne "mlp1") { unset key }
  set xrange [1:net eq "ioc" ? 60 : 45]
  plot for [k=1:5] name.".curves.csv" using 3:(at(net, word(arms, k), low($5, $6))):(at(net, word(arms, k), $5 + $6)) \
         with filledcurves lc rgb word(colours, k) notitle, \
       for [k=1:5] name.".curves.csv" using 3:(at(net, word(arms, k), $5)) with lines lw 2 lc rgb word(colours, k) \
         title word(titles, k)
}
unset multiplot
