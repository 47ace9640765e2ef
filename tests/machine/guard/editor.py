"""A stand-in for an editor made with Electron: as large, known by its product.json, and it starts its own
program as Electron does.

It does what it reads, a line each, and writes 0, or 7 where a start was refused: `part`; `wait FILE`, which
leaves behind what waits for its end, starts it anew and writes that to FILE; else a shell's line.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

from appimages import product

_SOURCE = """
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
static int start(char *program) {  /* as Electron does for its renderers */
    pid_t child = fork();
    if (!child) { execl("/proc/self/exe", program, "part", NULL); _exit(errno == EPERM ? 7 : 8); }
    int status = 0;
    waitpid(child, &status, 0);
    return WEXITSTATUS(status);
}
int main(int count, char **words) {
    char line[4096];
    if (count > 1 && !strcmp(words[1], "part")) return 0;
    if (count > 1 && !strcmp(words[1], "wait")) {  /* as Electron's relauncher does */
        pid_t before = (pid_t)atoi(words[2]);
        while (getppid() == before) usleep(10000);
        FILE *said = fopen(words[3], "w");
        fprintf(said, "%d\\n", start(words[0]));
        return fclose(said);
    }
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\\n")] = 0;
        if (!strcmp(line, "part")) printf("%d\\n", start(words[0]));
        else if (!strncmp(line, "wait ", 5)) {
            char number[20];
            sprintf(number, "%d", getpid());
            pid_t child = fork();
            if (!child) { execl("/proc/self/exe", words[0], "wait", number, line + 5, NULL); _exit(7); }
            puts("0");
        } else {
            int status = system(line);
            printf("%d\\n", WEXITSTATUS(status));
        }
        fflush(stdout);
    }
    return 0;
}
"""


def put_editor(folder: Path, place: Path) -> Path:
    """Its program, at `place`. folder: for what it is made from."""
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc")
    source = folder / "editor.c"
    source.write_text(_SOURCE)
    place.mkdir(parents=True)
    program = place / "editor"
    subprocess.run(["gcc", "-O1", "-o", str(program), str(source)], check=True)
    with program.open("ab") as file:
        file.write(b"\0" * (33 << 20))
    for name, content in (("product.json", product(version="1.12.3")), ("out/main.js", b"1")):
        beside = place / "resources/app" / name
        beside.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(content)
    return program
