import { AppError } from "@/contracts/errors";
import { keepLogTail, type JobStatus, type PoolDriver } from "./driver";
import { quoteWord, runShell } from "./shell";

/** Folder of the jobs' logs, in the home folder that login node and compute nodes share. */
const FOLDER = '"$HOME/.s3-pool"';
/** What is told to sbatch is stronger than what the template says of the same. */
const OPTIONS = (name: string): string =>
  `--job-name=${name} --no-requeue --open-mode=append --output="$HOME/.s3-pool/${name}.log"`;

/** Slurm's states (squeue, "JOB STATE CODES") by what they mean here. */
const PHASES: Readonly<Record<string, JobStatus["phase"]>> = {
  PENDING: "queued",
  CONFIGURING: "queued",
  RESV_DEL_HOLD: "queued",
  SPECIAL_EXIT: "queued",
  REQUEUED: "queued",
  REQUEUE_FED: "queued",
  REQUEUE_HOLD: "queued",
  RUNNING: "running",
  COMPLETING: "running",
  SIGNALING: "running",
  STAGE_OUT: "running",
  STOPPED: "running",
  SUSPENDED: "running",
  RESIZING: "running",
  COMPLETED: "ended",
  CANCELLED: "ended",
};

/** Order in which one of two jobs of a name counts. */
const LIVELINESS: readonly JobStatus["phase"][] = ["running", "queued", "ended", "failed"];

/**
 * Reads lines `name|state|reason|start|end` of squeue, times in seconds since the epoch. A job that was cancelled while
 * it waited has no time between the two: it never ran.
 */
export function parseQueue(output: string): Map<string, JobStatus> {
  const jobs = new Map<string, JobStatus>();
  for (const line of output.split("\n").filter(Boolean)) {
    const [name = "", state = "", reason = "", start = "", end = ""] = line.split("|");
    // Every other state is an end by fault: FAILED, TIMEOUT, NODE_FAIL, OUT_OF_MEMORY, PREEMPTED, ...
    const phase = PHASES[state] ?? "failed";
    const detail = reason && reason !== "None" ? `${state} (${reason})` : state;
    const hasRun = phase !== "queued" && /^\d+$/.test(start) && start !== end;
    const startedAt = hasRun ? new Date(Number(start) * 1_000) : undefined;
    // Of one that runs it is when its time limit ends it.
    const isOver = phase === "ended" || phase === "failed";
    const endedAt = isOver && /^\d+$/.test(end) ? new Date(Number(end) * 1_000) : undefined;
    const known = jobs.get(name);
    if (!known || LIVELINESS.indexOf(phase) < LIVELINESS.indexOf(known.phase))
      jobs.set(name, { phase, detail, startedAt, endedAt });
  }
  return jobs;
}

/**
 * Slurm, by its own programs here or on a login node. A job is known by its name: submitting looks for it first, and
 * two of one name, which a server that died while it submitted may leave, never run at once (`singleton`).
 *
 * @param host login node for ssh; empty: this machine
 */
export function createSlurmDriver(host: string): PoolDriver {
  const run = (script: string, input = ""): Promise<string> => runShell(script, { host, input });
  const own = '--user="$(id -un)"';
  const findId = (name: string) =>
    `squeue ${own} --noheader --states=all --name=${name} --format=%i | head -n 1`;
  return {
    async check({ name, script }) {
      // The scheduler's own check: it says when it would begin, or why never.
      const said = await run(
        `command -v sbatch squeue scancel >/dev/null || { echo "sbatch, squeue and scancel are not in the PATH." >&2; exit 1; }
sinfo --version || exit 1
said="$(sbatch --test-only ${OPTIONS(name)} 2>&1)" || { echo "$said" >&2; exit 1; }
echo "$said"`,
        script,
      );
      return said.trim();
    },
    async submit({ name, script, token }) {
      // The token is the first line of the input and then a variable of sbatch, which the job's environment is made of.
      const id = await run(
        `IFS= read -r S3_WORKER_TOKEN; export S3_WORKER_TOKEN; umask 077; mkdir -p ${FOLDER} || exit 1
id="$(${findId(name)})"
if [ -z "$id" ]; then id="$(sbatch --parsable --export=ALL --dependency=singleton ${OPTIONS(name)})" || exit 1; fi
printf '%s' "$id"`,
        `${token}\n${script}`,
      );
      // With several clusters sbatch answers "id;cluster".
      const [number = ""] = id.trim().split(";");
      if (!/^\d+$/.test(number))
        throw new AppError("unsupported", `sbatch answered no job id: ${id.slice(0, 500)}`);
      return number;
    },
    async list(names) {
      const output = await run(
        `SLURM_TIME_FORMAT=%s squeue ${own} --noheader --states=all --name=${names.join(",")} --format='%j|%T|%r|%S|%e'`,
      );
      return parseQueue(output);
    },
    async cancel(name) {
      await run(`scancel ${own} --name=${name}`);
    },
    async readLog(name) {
      return keepLogTail(await run(`tail -c 8000 "$HOME/.s3-pool/"${quoteWord(name)}.log`));
    },
    async release(name) {
      await run(`rm -f "$HOME/.s3-pool/"${quoteWord(name)}.log`);
    },
  };
}
