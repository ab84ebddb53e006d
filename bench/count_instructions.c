/* A plugin of QEMU that counts, by address, the instructions that are executed between two marks:

     qemu-system-arm ... -plugin ./count_instructions.so,out=FILE,begin=0xADDRESS,end=0xADDRESS

   Executing the instruction at `begin` starts a span, executing that at `end` closes it. FILE gets "spans N" and then a
   line "ADDRESS COUNT", both in hexadecimal, for each instruction that was executed in a span. Addresses lie in
   the 4 MiB around `begin`, there is one processor, and spans do not overlap. bench/count_instructions.sh uses it. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Debian 12 has no qemu-plugin.h. This is what is used of version 1 of that interface (QEMU 7.2). */
typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum { add_u64_inline = 0, reads_no_registers = 0 };
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb* block);
struct qemu_plugin_insn* qemu_plugin_tb_get_insn(const struct qemu_plugin_tb* block, size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn* instruction);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, void (*)(qemu_plugin_id_t, struct qemu_plugin_tb*));
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn* instruction, int operation, void* to,
                                                uint64_t number);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn* instruction, void (*)(unsigned, void*), int flags,
                                            void* data);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, void (*)(qemu_plugin_id_t, void*), void* data);

#define EXPORTED __attribute__((visibility("default")))
EXPORTED int qemu_plugin_version = 1;
EXPORTED int qemu_plugin_install(qemu_plugin_id_t id, const void* info, int argc, char** argv);

enum { most = 1 << 21 }; /* instructions begin at even addresses */
static uint64_t executed[most], before[most], in_spans[most];
static uint64_t used, begin, end, spans; /* `used`: all that were translated are below it */
static char out[4096];

/* the address of element 0 */
static uint64_t base(void) { return begin & ~(2 * (uint64_t)most - 1); }

static void at_begin(unsigned processor, void* data) {
  (void)processor, (void)data;
  memcpy(before, executed, used * sizeof *executed);
}

static void at_end(unsigned processor, void* data) {
  uint64_t i;
  (void)processor, (void)data;
  /* what is translated within a span begins at 0 in `before` */
  for (i = 0; i < used; ++i) in_spans[i] += executed[i] - before[i];
  ++spans;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb* block) {
  size_t n;
  (void)id;
  for (n = 0; n < qemu_plugin_tb_n_insns(block); ++n) {
    struct qemu_plugin_insn* const instruction = qemu_plugin_tb_get_insn(block, n);
    const uint64_t address = qemu_plugin_insn_vaddr(instruction), i = (address - base()) >> 1;
    if (i >= most) continue; /* also where the address is below */
    if (i >= used) used = i + 1;
    if (address == begin || address == end) {
      qemu_plugin_register_vcpu_insn_exec_cb(instruction, address == begin ? at_begin : at_end, reads_no_registers, 0);
    } else {
      qemu_plugin_register_vcpu_insn_exec_inline(instruction, add_u64_inline, &executed[i], 1);
    }
  }
}

static void finished(qemu_plugin_id_t id, void* data) {
  FILE* const file = fopen(out, "w");
  uint64_t i;
  (void)id, (void)data;
  if (file == NULL) {
    perror(out);
    exit(1);
  }
  fprintf(file, "spans %llu\n", (unsigned long long)spans);
  for (i = 0; i < used; ++i) {
    if (in_spans[i] != 0)
      fprintf(file, "%llx %llx\n", (unsigned long long)(base() + (i << 1)), (unsigned long long)in_spans[i]);
  }
  fclose(file);
}

int qemu_plugin_install(qemu_plugin_id_t id, const void* info, int argc, char** argv) {
  int i;
  (void)info;
  for (i = 0; i < argc; ++i) {
    if (strncmp(argv[i], "out=", 4) == 0) snprintf(out, sizeof out, "%s", argv[i] + 4);
    if (strncmp(argv[i], "begin=", 6) == 0) begin = strtoull(argv[i] + 6, NULL, 0);
    if (strncmp(argv[i], "end=", 4) == 0) end = strtoull(argv[i] + 4, NULL, 0);
  }
  if (out[0] == 0 || begin == end) {
    fprintf(stderr, "count_instructions: expected out=FILE,begin=ADDRESS,end=ADDRESS\n");
    return 1;
  }
  qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
  qemu_plugin_register_atexit_cb(id, finished, NULL);
  return 0;
}
