# SPDX-License-Identifier: BSD-3-Clause
# gnuplot seed002.gp: seed002.csv, the loss on the noise and the accuracy on the images, by round
set datafile separator ","
set terminal svg size 900,380 font "Helvetica,14" background "white"
set output "seed002.svg"
set multiplot layout 1,2 title "MNIST, 784-512-512-10, 20 % fewer hidden units a round: mean of 5 seeds, bars: its 95 % interval" font ",14"
set xlabel "round"
set xrange [-0.5:20.5]
chance(x) = 10
at(arm, v) = strcol(2) eq arm ? v : NaN
set style line 1 lc rgb "#009E73" lw 2 pt 7 ps 0.6
set style line 2 lc rgb "#D55E00" lw 2 pt 5 ps 0.6
set title "what the fit to noise leaves (1: nothing learned)"
set logscale y
set yrange [0.003:30]
set key top left
plot for [k=1:2] "seed002.csv" using 4:(at(word("real fake", k), column("fit_left"))):(column("fit_left") / column("fit_left_times")):(column("fit_left") * column("fit_left_times")) with yerrorlines ls k title word("real fake", k)
unset logscale y
set title "accuracy on the training images (%)"
set yrange [0:105]
set key top right
plot for [k=1:2] "seed002.csv" using 4:(at(word("real fake", k), 100 * column("train.accuracy"))):(100 * column("train.accuracy_half")) with yerrorlines ls k title word("real fake", k), \
     chance(x) with lines lc rgb "#808080" dt 2 title "chance"
unset multiplot
