/* Logit codes of an exported model.c for every image of an uncompressed idx file, one line each: c_logits IMAGES */
#include "model.h"

#include <stdio.h>

static unsigned long big_endian(const unsigned char *b) {
  return (unsigned long)b[0] << 24 | (unsigned long)b[1] << 16 | (unsigned long)b[2] << 8 | b[3];
}

int main(int argc, char **argv) {
  unsigned char header[16];
  FILE *const f = argc == 2 ? fopen(argv[1], "rb") : NULL;
  if (f == NULL || fread(header, 1, 16, f) != 16) {
    fprintf(stderr, "usage: c_logits IMAGES\n");
    return 2;
  }
  const unsigned long images = big_endian(header + 4);
  const unsigned long pixels = big_endian(header + 8) * big_endian(header + 12);
  for (unsigned long n = 0; n < images; ++n) {
    static model_state state;
    int32_t logits[MODEL_OUTPUTS];
    model_init(&state);
    for (unsigned long j = 0; j < pixels; ++j) {
      const int pixel = fgetc(f);
      if (pixel == EOF) return 1;
      const int8_t code = model_encode((float)pixel / 255.0F, 0);
      model_step(&state, &code);
    }
    model_logits(&state, logits);
    for (int c = 0; c < MODEL_OUTPUTS; ++c) printf(c == 0 ? "%ld" : ",%ld", (long)logits[c]);
    printf("\n");
  }
  return 0;
}
