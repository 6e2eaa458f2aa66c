/* Holds what CRIU saves only when it is told to: a file lock and an established TCP connection, both ends of which
 * are its own. A number goes round the connection and into /data/count, for as long as both are there. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fcntl.h>

static void need(int condition, const char *what)
{
	if (!condition) {
		perror(what);
		exit(1);
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(99) };
	int lock = open("/data/lock", O_RDWR | O_CREAT, 0600), listener, one, other, n, got;
	FILE *file;

	(void)argv;
	need(lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) == 0, "flock");
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	one = socket(AF_INET, SOCK_STREAM, 0);
	if (argc > 1) {
		need(bind(listener, (struct sockaddr *)&address, sizeof address) == 0, "bind");
		need(listen(listener, 1) == 0, "listen");
		need(connect(one, (struct sockaddr *)&address, sizeof address) == 0, "connect");
		other = accept(listener, NULL, NULL);
		need(other >= 0, "accept");
	}
	for (n = 1;; n++) {
		if (argc > 1) {
			need(write(one, &n, sizeof n) == sizeof n, "write");
			need(read(other, &got, sizeof got) == sizeof got && got == n, "read");
		}
		file = fopen("/data/count", "w");
		need(file && fprintf(file, "%d\n", n) > 0 && fclose(file) == 0, "/data/count");
		usleep(100000);
	}
}
