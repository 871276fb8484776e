import { keepLogTail, type JobStatus, type PoolDriver } from "./driver";
import { runShell } from "./shell";
import { markMessage } from "@/core/texts/mark-message";

/**
 * Shell functions that every call begins with. A job is a folder of its own with the script, its log, the id of its
 * process group (a number that is used again belongs to a process that began at another time), its exit code, and when it
 * began and ended, in seconds since the epoch.
 */
const FUNCTIONS = `umask 077
root="$HOME/.s3-pool"
began() { ps -o lstart= -p "$1" 2>/dev/null; }
alive() { [ -s "$root/$1/pid" ] && pid="$(cat "$root/$1/pid")" && kill -0 "$pid" 2>/dev/null && [ "$(began "$pid")" = "$(cat "$root/$1/began" 2>/dev/null)" ]; }
tell() { if [ -s "$root/$1/$2" ]; then cat "$root/$1/$2"; else echo -; fi; }
`;
/**
 * Leads the job's process group for as long as the script runs: told to end, it waits for the script, which is told as
 * well. What the script has left behind, e.g. a tunnel, is then told to end too.
 */
const LEADER = `trap : TERM; sh ./script; code=$?; date +%s > ended; echo "$code" > status; trap "" TERM; kill -s TERM 0`;

/** Reads lines `name running|ended|cut code started ended`; what is not known is `-`. */
function parseJobs(output: string): Map<string, JobStatus> {
  const jobs = new Map<string, JobStatus>();
  for (const line of output.split("\n").filter(Boolean)) {
    const [name = "", state = "", code = "", started = "", ended = ""] = line.split(" ");
    jobs.set(name, {
      ...buildStatus(state, code),
      ...readTime("startedAt", started),
      ...(state === "ended" && readTime("endedAt", ended)),
    });
  }
  return jobs;
}

const readTime = (name: "startedAt" | "endedAt", seconds: string) =>
  /^\d+$/.test(seconds) ? { [name]: new Date(Number(seconds) * 1_000) } : {};

function buildStatus(state: string, code: string): JobStatus {
  if (state === "running") return { phase: "running", detail: "running" };
  if (state === "cut")
    return { phase: "failed", detail: markMessage`the connection ended while it was started` };
  if (code === "0") return { phase: "ended", detail: markMessage`ended with code ${0}` };
  return {
    phase: "failed",
    detail: code === "-" ? markMessage`its process is gone` : markMessage`ended with code ${code}`,
  };
}

/**
 * Processes on a machine that ssh reaches. Making the job's folder is what makes a second submission none.
 *
 * @param host for ssh; empty, in tests: this machine
 */
export function createSshDriver(host: string): PoolDriver {
  const run = (script: string, input = ""): Promise<string> =>
    runShell(FUNCTIONS + script, { host, input });
  return {
    async check() {
      const said = await run(`for program in setsid ps tail; do
  command -v "$program" >/dev/null || { echo "There is no program $program there." >&2; exit 1; }
done
mkdir -p "$root" && uname -sn`);
      return `${said.trim()} can be reached`;
    },
    async submit({ name, script, token }) {
      await run(
        `IFS= read -r S3_WORKER_TOKEN; export S3_WORKER_TOKEN
mkdir -p "$root" && cd "$root" || exit 1
if mkdir ${name} 2>/dev/null; then
  cd ${name} && cat > script || exit 1
  date +%s > started
  setsid sh -c '${LEADER}' > log 2>&1 < /dev/null &
  pid=$!
  began "$pid" > began; echo "$pid" > pid
fi`,
        `${token}\n${script}`,
      );
      return name;
    },
    async list(names) {
      const output = await run(`for job in ${names.join(" ")}; do
  [ -d "$root/$job" ] || continue
  if alive "$job"; then state=running
  elif [ -s "$root/$job/pid" ]; then state=ended
  else state=cut; fi
  echo "$job $state $(tell "$job" status) $(tell "$job" started) $(tell "$job" ended)"
done`);
      return parseJobs(output);
    },
    async cancel(name) {
      // TERM first; what is still there a minute later is killed.
      await run(`if alive ${name}; then
  if [ -n "$(find "$root/${name}/told" -mmin +1 2>/dev/null)" ]; then kill -s KILL -- "-$pid"
  elif [ ! -e "$root/${name}/told" ]; then : > "$root/${name}/told"; kill -s TERM -- "-$pid"; fi
fi`);
    },
    async readLog(name) {
      return keepLogTail(await run(`tail -c 8000 "$root/${name}/log"`));
    },
    async release(name) {
      await run(`alive ${name} || rm -rf "$root/${name}"`);
    },
  };
}
