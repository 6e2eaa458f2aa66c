/* What the measured containers run: nothing, or with any argument, waiting to be killed. Static. */
#include <unistd.h>

int main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		pause();
	return 0;
}
