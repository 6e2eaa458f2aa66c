/* The command: finds the verb and runs it. */
#include <stdio.h>

int main(void)
{
	puts("tare");
	return 0;
}
