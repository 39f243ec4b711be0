#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Trains the same networks here and in PyTorch, in turns, and compares images per second.

Both sides: the same images at rest as bytes, shuffled every epoch, gathered, scaled, cross entropy, SGD
with momentum, no evaluation. Here that is `rademacher run` of a generated file, twice with a different
number of epochs: the difference of the job's own times leaves out start, evaluation and checkpoint. PyTorch
first tries its settings (torch_side.py) and then runs in the fastest; with activations before pooling, as
the network is written, and, where that is faster, behind it, where they are moved to here. A round in which
other programs took more than 5 % of a core is discarded and repeated, up to twice the wanted rounds. The share
of the peak is nominal: 2 operations a multiply-add, padding counted, forward, weights and input gradients but that of the
first layer; of what peak.c reaches on as many threads just before the run. The last column divides the first
row's images per second by this row's, round by round: median (range).
"""
import argparse
import collections
import datetime
import json
import math
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time

from nets import BATCH, LR, MOMENTUM, NETS, experiment, flop, mlp, title, write_data

HERE = os.path.dirname(os.path.abspath(__file__))
SECTIONS = [*NETS, 'jobs', 'sparse', 'noise']
THREADS = ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS')
CLEAR = ('OPENBLAS_CORETYPE', 'OPENBLAS_L2_SIZE', 'OPENBLAS_VERBOSE', 'OPENBLAS_MAIN_FREE', 'OMP_PROC_BIND')
SEEDS = [1, 2, 3]
FOREIGN = 0.05  # of a core
BUSY = '''
**The machine was busy with other work and no round was discarded (--accept-load): only the last column and
the images per CPU second say something.**
'''
median = statistics.median
Sample = collections.namedtuple('Sample', 'rate cpu_rate gflops foreign')


class Refused(Exception):
    """What a side says that cannot do what is asked."""


# --- what the machine does meanwhile ---

def environment(threads):
    env = {k: v for k, v in os.environ.items() if k not in CLEAR}
    return {**env, **dict.fromkeys(THREADS, str(threads)), 'OMP_WAIT_POLICY': 'passive',
            'PYTHONDONTWRITEBYTECODE': '1'}


def busy():
    """CPU seconds of all programs, and those stolen from the machine, since boot; None: not known."""
    try:
        with open('/proc/stat') as f:
            v = [int(n) for n in f.readline().split()[1:]]
    except OSError:
        return None
    return (sum(v[:3]) + sum(v[5:8])) / os.sysconf('SC_CLK_TCK')


def children():
    r = resource.getrusage(resource.RUSAGE_CHILDREN)
    return r.ru_utime + r.ru_stime


class Watch:
    """The foreign load during a `with` block; cpu: what a process used that lives on."""

    def __enter__(self):
        self.before, self.cpu = (time.perf_counter(), busy(), children() + time.process_time()), 0
        return self

    def __exit__(self, *_):
        start, work, cpu = self.before
        own = self.cpu + children() + time.process_time() - cpu
        self.foreign = 0 if work is None else (busy() - work - own) / (time.perf_counter() - start)


def peak(program, threads):
    """GFLOP/s of all threads together, and the width of the vectors."""
    runs = [subprocess.Popen([program], stdout=subprocess.PIPE, text=True) for _ in range(threads)]
    out = [r.communicate()[0].split(' ', 1) for r in runs]
    return sum(float(gflops) for gflops, _ in out), out[0][1].strip()


# --- the sides ---

class Ours:
    """`rademacher run`, a process for every measurement; jobs > 1: as many at once, rates added up."""
    fingerprints = set()

    def __init__(self, bench, name, net, threads=1, jobs=1, **more):
        self.bench, self.name, self.net, self.cores = bench, name, net, threads * jobs
        self.jobs, self.more, self.epochs = jobs, {'threads': threads, **more}, None
        self.program('check', self.write(1, SEEDS[:jobs]))

    def write(self, epochs, seeds):
        ini = os.path.join(self.bench.folder, 'experiment.ini')
        with open(ini, 'w') as f:
            f.write(experiment(self.net, self.bench.data(self.net), epochs, seeds, **self.more))
        return ini

    def program(self, *words):
        r = subprocess.run([os.environ['RADEMACHER'], *words], env=environment(1), capture_output=True,
                           text=True, check=False)
        if r.returncode == 2:
            raise Refused('not in this build: ' + re.split('[];:] ', r.stderr.splitlines()[0], 1)[-1])
        if r.returncode != 0:
            sys.exit(f'rademacher {words[0]} failed ({r.returncode}):\n{r.stderr}')

    def run(self, epochs, seeds):
        """The result of each job, in order, and the CPU seconds of all."""
        with tempfile.TemporaryDirectory(dir=self.bench.folder) as folder:
            before = children()
            self.program('run', self.write(epochs, seeds), '-q', '--jobs', str(self.jobs),
                         '-o', folder + '/out')
            found = [where for where, _, files in os.walk(folder) if 'result.json' in files]
            results = [json.load(open(where + '/result.json')) for where in sorted(found)]
        Ours.fingerprints |= {r['fingerprint'] for r in results}
        return results, children() - before

    def seconds(self, epochs):
        """Of each job, for so many epochs; CPU seconds of all."""
        (few, cpu0), (more, cpu) = self.run(1, SEEDS[:self.jobs]), self.run(1 + epochs, SEEDS[:self.jobs])
        return [b['seconds'] - a['seconds'] for a, b in zip(few, more)], cpu - cpu0

    def measure(self):
        if self.epochs is None:
            self.epochs = math.ceil(2 * self.bench.seconds / max(1e-4, max(self.seconds(2)[0])))
        gflops = peak(self.bench.peak, self.cores)[0]
        with Watch() as w:
            seconds, cpu = self.seconds(self.epochs)
        images = self.net['images'] * self.epochs
        return Sample(sum(images / s for s in seconds), images * self.jobs / cpu, gflops, w.foreign)

    def loss(self, epochs):
        return [r['metrics']['train.loss']['last'] for r in self.run(epochs, SEEDS)[0]]

    def close(self):
        return []


class Torch:
    """torch_side.py in some interpreter; it lives as long as its network is measured."""

    def __init__(self, bench, python, net, threads):
        self.bench, self.cores = bench, threads
        self.process = subprocess.Popen(
            [python, HERE + '/torch_side.py', json.dumps(net), bench.data(net), str(threads)],
            env=environment(threads), text=True, bufsize=1, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL)
        version = self.process.stdout.readline().strip()
        if not version:
            raise Refused('it has no PyTorch')
        self.name = f'PyTorch {version}, {net["precision"]}' + ', order as written' * ('order' in net)
        self.tuned = self.ask(do='tune', seconds=bench.seconds / 8, compiled=bench.o.compile)

    def ask(self, **order):
        print(json.dumps(order), file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())

    def measure(self):
        gflops = peak(self.bench.peak, self.cores)[0]
        with Watch() as w:
            rate, cpu_rate, w.cpu = self.ask(do='rate', seconds=self.bench.seconds)
        return Sample(rate, cpu_rate, gflops, w.foreign)

    def loss(self, epochs):
        return self.ask(do='loss', epochs=epochs, seeds=SEEDS)

    def close(self):
        self.process.communicate()
        setting, tried = self.tuned
        return [f'{self.name} ran with {", ".join(setting)}. Tried, img/s, each kept where it helped: ' +
                ', '.join(f'{k}: {v:,}' if v else f'{k}: not there' for k, v in tried.items())]


# --- rounds and tables ---

class Bench:
    def __init__(self, o, folder):
        self.o, self.folder, self.peak, self.seconds = o, folder, o.peak, o.seconds
        self.lines, self.load, self.kept, self.discarded = [], [], 0, 0

    def data(self, net):
        folder = os.path.join(self.folder, '-'.join(map(str, [*net['shape'], net['images']])))
        if not os.path.exists(folder):
            write_data(net, folder)
        return folder

    def say(self, *lines):
        print(*lines, sep='\n', flush=True)
        self.lines += lines

    def side(self, kind, name, *words, **more):
        """A list of one, or of none after a line that says why."""
        try:
            return [kind(self, name, *words, **more)]
        except Refused as why:
            self.say(f'- {os.path.basename(name)}: {why}')
            return []

    def rounds(self, sides):
        """Undisturbed rounds: of each side a list of samples."""
        kept = []
        for _ in range(2 * self.o.rounds):
            if len(kept) < self.o.rounds:
                samples = [side.measure() for side in sides]
                self.load += [s.foreign for s in samples]
                good = self.o.accept_load or max(self.load[-len(samples):]) <= FOREIGN
                kept += [samples] if good else []
                self.discarded += not good
        self.kept += len(kept)
        return list(zip(*kept))

    def compare(self, heading, net, sides, least=2, loss=False):
        """A section: its table, the settings, the losses that training leads to."""
        columns = self.rounds(sides) if len(sides) >= least else []
        if not columns:
            self.say('- ' + ('no undisturbed round' if len(sides) >= least else 'nothing to compare'))
        else:
            self.say('', f'| {heading} | img/s, median | best | spread | of peak GFLOP/s '
                     '| img per CPU second | us per batch | first / this |', '|---' + '|---:' * 7 + '|')
        for side, samples in zip(sides, columns):
            rate, cpu, gflops, _ = zip(*samples)
            share = median(100 * r * flop(net) / g / 1e9 for r, g in zip(rate, gflops))
            ratio = [a.rate / b for a, b in zip(columns[0], rate)]
            self.say(f'| {side.name} | {median(rate):,.0f} | {max(rate):,.0f} | '
                     f'{100 * (max(rate) - min(rate)) / median(rate):.0f} % | {share:.0f} % of '
                     f'{median(gflops):.0f} | {median(cpu):,.0f} | {BATCH * 1e6 / median(rate):,.0f} | '
                     f'{median(ratio):.2f} ({min(ratio):.2f} to {max(ratio):.2f}) |')
        self.say('')
        epochs = math.ceil(40 * BATCH / net['images'])
        for side in sides:
            losses = ', '.join(f'{x:.4f}' for x in side.loss(epochs)) if loss else ''
            self.say(*[f'- {side.name}: training loss after {epochs} epochs, three seeds: {losses}'][:loss],
                     *[f'- {line}' for line in side.close()])

    def section(self, name):
        if name in NETS:
            for threads in map(int, self.o.threads.split(',')):
                net, words = NETS[name], f'{threads} thread{"s" * (threads > 1)}'
                self.say(f'\n## {name}: {title(net)}, {words}\n')
                sides = self.side(Ours, 'rademacher', net, threads)
                for python in self.o.python:
                    sides += self.side(Torch, python, net, threads)
                    if net['precision'] == 'bf16':
                        sides += self.side(Torch, python, {**net, 'precision': 'float32'}, threads)
                    if net['layers'][0][0] == 'conv':
                        sides += self.side(Torch, python, {**net, 'order': 'as written'}, threads)
                self.compare(words, net, sides, 1, threads == 1)
            return
        two = [('two jobs', {'jobs': 2}), ('one job', {})]
        sparse = [('dense', {}), *((f'density {d}', {'density': d}) for d in (0.05, 0.1, 0.2))]
        fresh = [('no noise', {}), ('fresh noise', {'noise': True})]
        for net, heading, sides in {
                'jobs': [(NETS[n], 'Two jobs side by side', two) for n in ('mlp', 'mlpc', 'cnn', 'tiny')],
                'sparse': [(mlp(28, 28, 1, hidden, 12800), 'Sparse hidden layers (peak: as if dense)', sparse)
                           for hidden in ([512], [512, 512])],
                'noise': [(NETS['mlp'], 'Fresh Gaussian noise on every image', fresh)]}[name]:
            self.say(f'\n## {heading}, {title(net)}\n')
            self.compare('', net, [s for n, more in sides for s in self.side(Ours, n, net, **more)])


# --- the report ---

def output(*words):
    try:
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ''


def head(o, bench, seconds):
    facts = dict(line.split(':', 1) for line in output('lscpu').splitlines() if ':' in line)
    facts = {k.strip(): v.strip() for k, v in facts.items()}
    words = [os.path.basename(w) if os.path.isabs(w) else w for w in sys.argv[1:]]
    seen = [f'{k}={os.environ[k]} (cleared)' for k in CLEAR if k in os.environ]
    load = [100 * x for x in bench.load] or [0]
    rows = {
        'date, command': f'{datetime.date.today()}, `bench.py {" ".join(words)}`, {seconds:.0f} s',
        'machine': f'{facts.get("Model name", os.uname().machine)}, {os.cpu_count()} cores; ' +
                   ', '.join(f'{k[:-6]} {v}' for k, v in facts.items() if k.endswith(' cache')),
        'peak of one core': '{:.0f} GFLOP/s, {}'.format(*peak(o.peak, 1)),
        'kernels that ran': ' / '.join(sorted(re.sub('; glibc.*', '', f) for f in Ours.fingerprints)),
        'compiler': output(*os.environ.get('CC', 'cc').split(), '--version').partition('\n')[0],
        'training': f'batch {BATCH}, SGD, lr {LR}, momentum {MOMENTUM}; rounds of {o.seconds} s a side',
        'environment': f'OMP_WAIT_POLICY=passive; {", ".join(THREADS)} = threads of PyTorch, 1 here; ' +
                       (', '.join(seen) or f'none of {", ".join(CLEAR)} was set'),
        'torch.compile': 'among the settings tried' if o.compile else 'not tried (--compile)',
        'rounds': f'{bench.kept} kept, {bench.discarded} discarded; foreign load while measuring: median '
                  f'{median(load):.0f} %, most {max(load):.0f} % of a core'}
    return '\n'.join(['# Speed of training\n', __doc__, '| | |', '|---|---|',
                      *(f'| {k} | {v} |' for k, v in rows.items()), BUSY if o.accept_load else ''])


def options():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument('--peak', required=True, help='the built tests/bench/peak')
    p.add_argument('--python', nargs='*', default=[sys.executable], help='interpreters that have PyTorch')
    p.add_argument('--only', default=','.join(SECTIONS), help='some of ' + ','.join(SECTIONS))
    p.add_argument('--threads', default='1,2', help='of the networks')
    p.add_argument('--rounds', type=int, default=5)
    p.add_argument('--seconds', type=float, default=0.8, help='of one measurement')
    p.add_argument('--quick', action='store_true', help='2 rounds of 0.1 s: to see that it works')
    p.add_argument('--accept-load', action='store_true', help='keep disturbed rounds, and say so')
    p.add_argument('--compile', action='store_true', help='try torch.compile, which takes its time')
    p.add_argument('--report', help='write the Markdown to this file')
    o = p.parse_args()
    unknown = set(o.only.split(',')) - set(SECTIONS)
    if unknown:
        p.error(f'--only: no section {", ".join(sorted(unknown))}; there are {", ".join(SECTIONS)}')
    if o.quick:
        o.rounds, o.seconds = 2, 0.1
    return o


def main():
    o, start = options(), time.time()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(o, folder)
        for name in o.only.split(','):
            bench.section(name)
        top = head(o, bench, time.time() - start)
    print('\n' + top)
    if o.report:
        with open(o.report, 'w') as f:
            f.write(top + '\n'.join(bench.lines) + '\n')


if __name__ == '__main__':
    main()
