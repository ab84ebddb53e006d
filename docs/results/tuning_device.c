/* Trains exported C on images of MNIST as a device would, and says what it then recognises: for docs/results/tuning.md.
     cc -O2 -DTOP -I C C/model.c tuning_device.c -o device     (without -DTOP: of --trainable=head)
     device FOLDER COUNT PASSES TEST [FIRST]
   FOLDER holds the files of MNIST. Trains on the images FIRST, ..., FIRST + COUNT - 1 of the training part, PASSES
   times, and prints the accuracy on the first TEST images of the test part, in %; for TEST = -N on the N training
   images that come before FIRST. */
#include "model.h"

#include <stdio.h>
#include <stdlib.h>

enum { pixels = 784 };

static model_state state;
#ifdef TOP
static model_top trained;
#else
static model_head trained;
#endif

static unsigned char* read_file(const char* folder, const char* name) {
  char path[4096];
  FILE* file;
  long size;
  unsigned char* bytes;
  snprintf(path, sizeof path, "%s/%s", folder, name);
  file = fopen(path, "rb");
  if (file == NULL || fseek(file, 0, SEEK_END) != 0 || (size = ftell(file)) <= 0) {
    fprintf(stderr, "%s cannot be read\n", path);
    exit(1);
  }
  rewind(file);
  bytes = malloc((size_t)size);
  if (bytes == NULL || fread(bytes, 1, (size_t)size, file) != (size_t)size) exit(1);
  fclose(file);
  return bytes;
}

static void see(const unsigned char* image) {
  int t;
  model_init(&state);
  for (t = 0; t < pixels; ++t) {
    const int8_t input = model_encode(image[t] / 255.0, 0);
#ifdef TOP
    model_step(&state, &trained, &input);
#else
    model_step(&state, &input);
#endif
  }
}

int main(int argc, char** argv) {
  const long count = argc > 4 ? atol(argv[2]) : 0, passes = argc > 4 ? atol(argv[3]) : 0;
  const long test = argc > 4 ? atol(argv[4]) : 0, first = argc > 5 ? atol(argv[5]) : 0;
  const long tested = test < 0 ? -test : test, from = test < 0 ? first - tested : 0;
  const unsigned char *images, *labels;
  long pass, i, right = 0;
  if (argc < 5 || argc > 6 || tested == 0 || from < 0) {
    fprintf(stderr, "device FOLDER COUNT PASSES TEST [FIRST]\n");
    return 2;
  }
  images = read_file(argv[1], "train-images-idx3-ubyte") + 16;
  labels = read_file(argv[1], "train-labels-idx1-ubyte") + 8;
  model_reset(&trained);
  for (pass = 0; pass < passes; ++pass) {
    for (i = first; i < first + count; ++i) {
      see(images + i * pixels);
      model_tune(&state, &trained, labels[i]);
    }
  }
  if (test > 0) {
    images = read_file(argv[1], "t10k-images-idx3-ubyte") + 16;
    labels = read_file(argv[1], "t10k-labels-idx1-ubyte") + 8;
  }
  for (i = from; i < from + tested; ++i) {
    see(images + i * pixels);
    right += model_classify(&state, &trained) == labels[i];
  }
  printf("%.2f\n", 100.0 * (double)right / (double)tested);
  return 0;
}
