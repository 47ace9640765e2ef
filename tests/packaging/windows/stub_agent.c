/* Stands in for aipolicy.exe where no Windows can make the real one: notes what it was started with, beside its
   folder, and leaves files as the agent does. */
#include <stdio.h>
#include <string.h>
#include <windows.h>

static void note(const char *text)
{
    char path[MAX_PATH];
    FILE *file;
    GetModuleFileNameA(NULL, path, MAX_PATH);
    strcpy(strrchr(path, '\\') + 1, "..\\stub-agent.txt");
    file = fopen(path, "a");
    fprintf(file, "%s\n", text);
    fclose(file);
}

int main(int count, char **words)
{
    if (count == 2 && !strcmp(words[1], "run")) {
        fprintf(stderr, "the stub runs\n");
        fflush(stderr);
        CreateDirectoryA("data\\state", NULL);
        CreateDirectoryA("data\\state\\deeper", NULL);
        fclose(fopen("data\\state\\deeper\\spool.db", "w"));
        note("run");
        Sleep(INFINITE);
    }
    note(count == 5 && !strcmp(words[1], "control") && !strcmp(words[2], "remove") ? words[4] : "unknown words");
    return 0;
}
