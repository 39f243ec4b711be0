# gnuplot zhang2017-mlp-3x512.gp: draws zhang2017-mlp-3x512.svg from the .csv beside it
set terminal svg size 760,300 font "sans-serif,12" background "#ffffff"
set output "zhang2017-mlp-3x512.svg"
set datafile separator ","
set multiplot layout 1,2
set grid lc rgb "#dddddd"
set xlabel "epoch"
set key top right samplen 2
set ylabel "training loss"
plot "< grep ^true zhang2017-mlp-3x512.csv" using 2:3 with lines lw 2 lc rgb "#0072b2" title "true labels", \
     "< grep ^random zhang2017-mlp-3x512.csv" using 2:3 with lines lw 2 lc rgb "#d55e00" title "random labels"
set ylabel "accuracy"
set yrange [0:1.02]
set key at graph 0.98,0.42
plot "< grep ^true zhang2017-mlp-3x512.csv" using 2:4 with lines lw 2 lc rgb "#0072b2" title "true, train", \
     "< grep ^true zhang2017-mlp-3x512.csv" using 2:9 with lines lw 2 dt 2 lc rgb "#0072b2" title "true, test", \
     "< grep ^random zhang2017-mlp-3x512.csv" using 2:4 with lines lw 2 lc rgb "#d55e00" title "random, train", \
     "< grep ^random zhang2017-mlp-3x512.csv" using 2:9 with lines lw 2 dt 2 lc rgb "#d55e00" title "random, test"
unset multiplot
