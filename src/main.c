/* The command: finds the verb and runs it.
 * Everything that a verb does is in the library; this side turns options into calls and results
 * into text. */
#include <stdio.h>

int main(void)
{
	puts("tare");
	return 0;
}
