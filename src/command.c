/* The command line. The forms are those that callers of container runtimes use: go-runc writes
 * "-no-subreaper" with one dash, people write "-b DIR" and "--bundle=DIR", and options may follow operands
 * unless the verb passes words on. getopt_long_only() differs between C libraries in just these points
 * (abbreviations, order), so the words are taken apart here. */
#include "command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"

static const struct option help_option = { "help", 'h', OPTION_FLAG, NULL, NULL, "show help" };

static void print_option(const struct option *option)
{
	char left[64];
	int n;

	if (!option->help)
		return;
	n = snprintf(left, sizeof left, "--%s", option->name);
	if (option->value)
		n += snprintf(left + n, sizeof left - (size_t)n, " %s", option->value);
	if (option->letter)
		snprintf(left + n, sizeof left - (size_t)n, ", -%c%s%s", option->letter,
			 option->value ? " " : "", option->value ? option->value : "");
	printf("   %-34s  %s\n", left, option->help);
}

void command_help(const struct usage *usage)
{
	size_t i;

	if (usage->name)
		printf("NAME:\n   tare %s - %s\n\nUSAGE:\n   tare %s [options]%s%s\n",
		       usage->name, usage->summary, usage->name, *usage->operands ? " " : "",
		       usage->operands);
	else
		printf("NAME:\n   tare - %s\n\nUSAGE:\n   tare [global options] COMMAND "
		       "[options] [arguments...]\n",
		       usage->summary);
	if (usage->more)
		printf("\n%s", usage->more);
	printf("\n%s:\n", usage->name ? "OPTIONS" : "GLOBAL OPTIONS");
	for (i = 0; i < usage->n_options; i++)
		print_option(&usage->options[i]);
	print_option(&help_option);
}

static int misused(const struct usage *usage, struct error *err)
{
	printf("Incorrect Usage: %s\n\n", err->text);
	command_help(usage);
	return -err->code;
}

static const struct option *find_name(const struct usage *usage, const char *name,
				      size_t length)
{
	size_t i;

	for (i = 0; i < usage->n_options; i++)
		if (strlen(usage->options[i].name) == length &&
		    memcmp(usage->options[i].name, name, length) == 0)
			return &usage->options[i];
	if (length == 4 && memcmp(name, "help", 4) == 0)
		return &help_option;
	return length == 5 && memcmp(name, "usage", 5) == 0 ? &help_option : NULL;
}

static const struct option *find_letter(const struct usage *usage, char letter)
{
	size_t i;

	for (i = 0; i < usage->n_options; i++)
		if (usage->options[i].letter == letter)
			return &usage->options[i];
	return letter == 'h' || letter == '?' ? &help_option : NULL;
}

static int set_flag(const struct option *option, const char *value, struct error *err)
{
	bool *target = option->target;

	if (value == NULL || strcmp(value, "true") == 0 || strcmp(value, "1") == 0)
		*target = true;
	else if (strcmp(value, "false") == 0 || strcmp(value, "0") == 0)
		*target = false;
	else
		return error_set(err, EINVAL,
				 "invalid boolean value \"%s\" for -%s: parse error", value,
				 option->name);
	return 0;
}

static int set_option(const struct option *option, const char *value, struct error *err)
{
	struct option_list *list;
	char *end;
	unsigned long number;

	if (option->kind == OPTION_LIST) {
		list = option->target;
		list->values[list->count++] = value;
		return 0;
	}
	if (option->kind == OPTION_FLAG)
		return set_flag(option, value, err);
	if (option->kind == OPTION_TEXT || option->kind == OPTION_FILLED) {
		if (option->kind == OPTION_FILLED && *value == '\0')
			value = NULL;
		*(const char **)option->target = value;
		return 0;
	}
	errno = 0;
	number = strtoul(value, &end, 10);
	if (*value < '0' || *value > '9' || *end != '\0' || errno != 0 || number > 1 << 20)
		return error_set(err, EINVAL, "invalid value \"%s\" for flag -%s: parse error",
				 value, option->name);
	*(unsigned *)option->target = (unsigned)number;
	return 0;
}

/* Where one is in the words. */
struct words {
	int next, count;
	char **argv;
};

/* "-abc": flags, of which the last may be an option whose value follows. Returns 1, 0 for help, -errno. */
static int take_letters(const struct usage *usage, const char *letters, struct words *words,
			struct error *err)
{
	const struct option *option;
	int r;

	for (; *letters; letters++) {
		option = find_letter(usage, *letters);
		if (option == &help_option)
			return 0;
		if (!option)
			return error_set(err, EINVAL, "flag provided but not defined: -%c",
					 *letters);
		if (option->kind != OPTION_FLAG) {
			if (letters[1] != '\0')
				r = set_option(option, letters + 1, err);
			else if (words->next < words->count)
				r = set_option(option, words->argv[words->next++], err);
			else
				r = error_set(err, EINVAL, "flag needs an argument: -%c",
					      *letters);
			return r < 0 ? r : 1;
		}
		r = set_option(option, NULL, err);
		if (r < 0)
			return r;
	}
	return 1;
}

/* One word that starts with a dash. Returns 1, 0 for help, -errno. */
static int take_option(const struct usage *usage, struct words *words, struct error *err)
{
	const char *word = words->argv[words->next++], *equals, *value;
	const char *name = word + (word[1] == '-' ? 2 : 1);
	const struct option *option;
	int r;

	equals = strchr(name, '=');
	value = equals ? equals + 1 : NULL;
	option = find_name(usage, name, equals ? (size_t)(equals - name) : strlen(name));
	if (!option && word[1] != '-') {
		if (!value || equals != name + 1)
			return take_letters(usage, name, words, err);
		option = find_letter(usage, *name); /* -b=DIR */
	}
	if (option == &help_option)
		return 0;
	if (!option)
		return error_set(err, EINVAL, "flag provided but not defined: -%.*s",
				 equals ? (int)(equals - name) : (int)strlen(name), name);
	if (option->kind != OPTION_FLAG && !value) {
		if (words->next == words->count)
			return error_set(err, EINVAL, "flag needs an argument: -%s",
					 option->name);
		value = words->argv[words->next++];
	}
	r = set_option(option, value, err);
	return r < 0 ? r : 1;
}

static int check_operands(const struct usage *usage, int count, struct error *err)
{
	if (usage->least == usage->most && count != usage->least)
		return error_set(err, EINVAL, "tare: \"%s\" requires exactly %d argument(s)",
				 usage->name, usage->least);
	if (count < usage->least)
		return error_set(err, EINVAL,
				 "tare: \"%s\" requires a minimum of %d argument(s)",
				 usage->name, usage->least);
	if (usage->most >= 0 && count > usage->most)
		return error_set(err, EINVAL,
				 "tare: \"%s\" requires a maximum of %d argument(s)",
				 usage->name, usage->most);
	return 0;
}

int command_parse(const struct usage *usage, int argc, char **argv,
		  struct operands *ret_operands, struct error *err)
{
	struct words words = { .count = argc, .argv = argv };
	struct operands operands = { .values = argv };
	bool ended = false;
	int r;

	while (words.next < words.count) {
		char *word = argv[words.next];

		if (ended || word[0] != '-' || word[1] == '\0') {
			if (usage->stops) {
				operands.values = argv + words.next;
				operands.count = argc - words.next;
				break;
			}
			argv[operands.count++] = word;
			words.next++;
			continue;
		}
		if (strcmp(word, "--") == 0) {
			ended = true;
			words.next++;
			continue;
		}
		r = take_option(usage, &words, err);
		if (r == 0) {
			command_help(usage);
			return 0;
		}
		if (r < 0)
			return misused(usage, err);
	}
	if (check_operands(usage, operands.count, err) < 0)
		return misused(usage, err);
	*ret_operands = operands;
	return 1;
}

int command_print(struct json_writer *writer, const char *end, struct error *err)
{
	const char *text;
	size_t length;
	int r;

	r = json_writer_text(writer, &text, &length, err);
	if (r < 0)
		return r;
	fwrite(text, 1, length, stdout);
	fputs(end, stdout);
	return command_flush(err);
}

int command_flush(struct error *err)
{
	errno = EIO;
	if (fflush(stdout) != 0 || ferror(stdout))
		return error_errno(err, errno, "write to standard output");
	return 0;
}
