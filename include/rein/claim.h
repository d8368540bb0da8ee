/* claim.h - the process of one cell of a claim. `PROGRAM --rein-cell FOLDER` must call this first and end with its answer, as
 * rn_reader_main: rn_claim starts the program it runs in (/proc/self/exe, or what rn_claim_program named). -1: not such a call. */
#ifndef REIN_CLAIM_H
#define REIN_CLAIM_H
int rn_claim_cell_main(int argc, char **argv);
void rn_claim_program(const char *path);       // NULL: /proc/self/exe
#endif
