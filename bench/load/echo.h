// Echo, closed loop.
#ifndef ECHO_H
#define ECHO_H

void run_echo(void);

/** The echo of so many connections, beside any that are open already. */
void measure_echo(long connections);

/** Prints the fields of that result, without braces. */
void print_echo(void);

#endif
