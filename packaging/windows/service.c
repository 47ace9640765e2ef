/* aipolicy-service.exe: the Windows service around `aipolicy.exe run`, which knows nothing of services.

   Without a word it is the service: it keeps the agent running, starts it anew five seconds after its end, and
   asks it to end (Ctrl-Break, which Python takes as SIGBREAK) when the service is stopped. With the word `erase`
   it takes back what the agent wrote into the vendors' settings and removes its data folder: the installer's last
   step. Both programs and `data` lie in the folder that this program lies in, which only administrators may
   change, so no path comes from outside.
   https://learn.microsoft.com/windows/win32/services/service-control-handler-function */

#include <windows.h>
#include <stdio.h>
#include <wchar.h>

#define NAME L"aipolicy"
#define AGAIN_MS 5000
#define END_MS 20000
#define ERASE_MS 60000
#define LONGEST 2048

static SERVICE_STATUS_HANDLE told;
static SERVICE_STATUS status;
static HANDLE stopping;
static wchar_t folder[LONGEST];

static void say(DWORD state, DWORD hint_ms)
{
    status.dwServiceType = SERVICE_WIN32_OWN_PROCESS;
    status.dwCurrentState = state;
    status.dwControlsAccepted = state == SERVICE_RUNNING ? SERVICE_ACCEPT_STOP | SERVICE_ACCEPT_SHUTDOWN : 0;
    status.dwWaitHint = hint_ms;
    SetServiceStatus(told, &status);
}

static DWORD WINAPI asked(DWORD control, DWORD type, void *data, void *context)
{
    (void)type, (void)data, (void)context;
    if (control == SERVICE_CONTROL_STOP || control == SERVICE_CONTROL_SHUTDOWN) {
        say(SERVICE_STOP_PENDING, END_MS + AGAIN_MS);
        SetEvent(stopping);
        return NO_ERROR;
    }
    return control == SERVICE_CONTROL_INTERROGATE ? NO_ERROR : ERROR_CALL_NOT_IMPLEMENTED;
}

/* The folder of this program, without a backslash at the end. */
static BOOL find_folder(void)
{
    DWORD length = GetModuleFileNameW(NULL, folder, LONGEST);
    wchar_t *end = wcsrchr(folder, L'\\');
    if (length == 0 || length >= LONGEST - 200 || end == NULL)
        return FALSE;
    *end = 0;
    return TRUE;
}

static void below(wchar_t *path, const wchar_t *name)
{
    wcscpy(path, folder);
    wcscat(path, name);
}

/* The agent with these words; what it says is added to data\agent.log. It ends with the job, so with us. */
static HANDLE started(const wchar_t *words, HANDLE job, DWORD *pid)
{
    wchar_t program[LONGEST], line[LONGEST + 200], log_file[LONGEST];
    SECURITY_ATTRIBUTES inherited = {sizeof inherited, NULL, TRUE};
    STARTUPINFOW how = {.cb = sizeof how};
    PROCESS_INFORMATION made;
    HANDLE log;
    BOOL done;

    below(program, L"\\aipolicy.exe");
    below(log_file, L"\\data");
    CreateDirectoryW(log_file, NULL);
    below(log_file, L"\\data\\agent.log");
    log = CreateFileW(log_file, FILE_APPEND_DATA, FILE_SHARE_READ | FILE_SHARE_DELETE, &inherited, OPEN_ALWAYS,
                      FILE_ATTRIBUTE_NORMAL, NULL);
    how.dwFlags = STARTF_USESTDHANDLES;
    how.hStdOutput = how.hStdError = log;
    swprintf(line, sizeof line / sizeof *line, L"\"%ls\" %ls", program, words);
    done = CreateProcessW(program, line, NULL, NULL, TRUE, CREATE_NEW_PROCESS_GROUP | CREATE_SUSPENDED, NULL,
                          folder, &how, &made);
    if (log != INVALID_HANDLE_VALUE)
        CloseHandle(log);
    if (!done)
        return NULL;
    AssignProcessToJobObject(job, made.hProcess);
    ResumeThread(made.hThread);
    CloseHandle(made.hThread);
    *pid = made.dwProcessId;
    return made.hProcess;
}

static HANDLE new_job(void)
{
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {0};
    HANDLE job = CreateJobObjectW(NULL, NULL);
    limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
    SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limits, sizeof limits);
    return job;
}

/* Ctrl-Break is for the agent alone; without this wine's, which goes to the whole console, would end us first. */
static BOOL WINAPI not_for_us(DWORD event)
{
    return event == CTRL_BREAK_EVENT;
}

static void WINAPI serve(DWORD count, wchar_t **words)
{
    HANDLE job = new_job(), agent;
    DWORD pid;
    (void)count, (void)words;

    told = RegisterServiceCtrlHandlerExW(NAME, asked, NULL);
    stopping = CreateEventW(NULL, TRUE, FALSE, NULL);
    AllocConsole(); /* Ctrl-Break goes to the programs of one console */
    SetConsoleCtrlHandler(not_for_us, TRUE);
    say(SERVICE_RUNNING, 0);
    do {
        agent = started(L"run", job, &pid);
        if (agent != NULL) {
            HANDLE either[2] = {stopping, agent};
            if (WaitForMultipleObjects(2, either, FALSE, INFINITE) == WAIT_OBJECT_0) {
                GenerateConsoleCtrlEvent(CTRL_BREAK_EVENT, pid);
                if (WaitForSingleObject(agent, END_MS) != WAIT_OBJECT_0)
                    TerminateJobObject(job, 1);
            }
            CloseHandle(agent);
        }
    } while (WaitForSingleObject(stopping, AGAIN_MS) == WAIT_TIMEOUT);
    CloseHandle(job);
    say(SERVICE_STOPPED, 0);
}

/* All below a folder; a link is removed, never followed. */
static void erase(const wchar_t *path)
{
    wchar_t one[LONGEST];
    WIN32_FIND_DATAW found;
    HANDLE search;

    if (wcslen(path) > LONGEST - MAX_PATH - 3)
        return;
    swprintf(one, LONGEST, L"%ls\\*", path);
    search = FindFirstFileW(one, &found);
    if (search != INVALID_HANDLE_VALUE) {
        do {
            if (!wcscmp(found.cFileName, L".") || !wcscmp(found.cFileName, L".."))
                continue;
            swprintf(one, LONGEST, L"%ls\\%ls", path, found.cFileName);
            SetFileAttributesW(one, FILE_ATTRIBUTE_NORMAL);
            if (!(found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY))
                DeleteFileW(one);
            else if (found.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT)
                RemoveDirectoryW(one);
            else
                erase(one);
        } while (FindNextFileW(search, &found));
        FindClose(search);
    }
    RemoveDirectoryW(path);
}

static void take_back(void)
{
    HANDLE job = new_job(), agent;
    DWORD pid;

    agent = started(L"control remove --state data\\state", job, &pid);
    if (agent != NULL)
        WaitForSingleObject(agent, ERASE_MS);
    CloseHandle(job);
    if (agent != NULL)
        WaitForSingleObject(agent, END_MS); /* its log lies in what is erased next */
}

int wmain(int count, wchar_t **words)
{
    SERVICE_TABLE_ENTRYW services[] = {{(wchar_t *)NAME, serve}, {NULL, NULL}};
    wchar_t data[LONGEST];

    if (!find_folder())
        return 2;
    if (count == 2 && !wcscmp(words[1], L"erase")) {
        take_back();
        below(data, L"\\data");
        erase(data);
        return 0;
    }
    if (!StartServiceCtrlDispatcherW(services)) {
        fwprintf(stderr, L"aipolicy-service: started by Windows alone; `aipolicy run` runs the agent here\n");
        return 2;
    }
    return 0;
}
