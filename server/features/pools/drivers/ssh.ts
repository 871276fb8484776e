import { keepLogTail, type JobStatus, type PoolDriver } from "./driver";
import { runShell } from "./shell";

/**
 * Shell functions that every call begins with. A job is a folder of its own with the script, its log, the id of its
 * process group (a number that is used again belongs to a process that began at another time) and its exit code.
 */
const FUNCTIONS = `umask 077
root="$HOME/.s3-pool"
began() { ps -o lstart= -p "$1" 2>/dev/null; }
alive() { [ -s "$root/$1/pid" ] && pid="$(cat "$root/$1/pid")" && kill -0 "$pid" 2>/dev/null && [ "$(began "$pid")" = "$(cat "$root/$1/began" 2>/dev/null)" ]; }
`;

/** Reads lines `name running|ended code|cut`. */
function parseJobs(output: string): Map<string, JobStatus> {
  const jobs = new Map<string, JobStatus>();
  for (const line of output.split("\n").filter(Boolean)) {
    const [name = "", state = "", code = ""] = line.split(" ");
    jobs.set(name, buildStatus(state, code));
  }
  return jobs;
}

function buildStatus(state: string, code: string): JobStatus {
  if (state === "running") return { phase: "running", detail: "running" };
  if (state === "cut")
    return { phase: "failed", detail: "the connection ended while it was started" };
  if (code === "0") return { phase: "ended", detail: "ended with code 0" };
  return { phase: "failed", detail: code ? `ended with code ${code}` : "its process is gone" };
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
  setsid sh -c 'sh ./script; echo $? > status' > log 2>&1 < /dev/null &
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
  if alive "$job"; then echo "$job running"
  elif [ -s "$root/$job/pid" ]; then echo "$job ended $(cat "$root/$job/status" 2>/dev/null)"
  else echo "$job cut"; fi
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
