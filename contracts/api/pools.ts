import { z } from "zod";

/** Pools of machines on which the server starts workers, and ends them when they are idle. */

export const poolKindSchema = z.enum(["slurm", "ray", "kubernetes", "ssh", "skypilot"]);
export type PoolKind = z.infer<typeof poolKindSchema>;

/** A name that becomes part of names of workers, of files and of a shell's words. */
const poolNameSchema = z
  .string()
  .trim()
  .regex(/^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/, "small letters, digits and dashes, at most 40");

/** What ssh takes as a host: `host`, `user@host` or a name of its configuration; no option of ssh. */
const sshHostSchema = z
  .string()
  .trim()
  .max(200)
  .regex(/^([\w.][\w.@:-]*)?$/, "a host as ssh takes it, e.g. user@login.example.org");

const hasNoSecret = (url: string): boolean => {
  // What is no address has been refused already.
  if (!URL.canParse(url)) return true;
  const { username, password, search, hash } = new URL(url);
  return !username && !password && !search && !hash;
};
/** Also safe within a shell's words and a YAML text, as no other character is taken. */
const addressSchema = z
  .url({ protocol: /^https?$/, error: "give an address with http:// or https://" })
  .regex(/^[\w.:/[\]~%-]*$/, "give the address alone; user and secret have fields of their own")
  .refine(hasNoSecret, "give the address alone; user and secret have fields of their own");
const kubernetesNameSchema = z
  .string()
  .trim()
  .max(200)
  .regex(/^[\w.:/@-]*$/, "letters, digits and . : / @ - _ only");

/** Options of which no other is dropped in silence: what is unknown, or of another kind of pool, is refused by its name. */
const defineOptions = <Options extends z.ZodRawShape>(options: Options) =>
  z.strictObject(options, {
    error: (issue) =>
      issue.code === "unrecognized_keys"
        ? `unknown option ${issue.keys.join(", ")}: there are ${Object.keys(options).join(", ")}`
        : undefined,
  });

/** How the scheduler of a pool is reached. */
export const poolTargetSchema = z.discriminatedUnion("kind", [
  /** By `sbatch`, `squeue` and `scancel` of this machine, or of a login node by ssh. */
  defineOptions({ kind: z.literal("slurm"), host: sshHostSchema.default("") }),
  /** By the Jobs REST API of a Ray head. */
  defineOptions({ kind: z.literal("ray"), url: addressSchema }),
  /** By a context of the kubeconfig of whoever started the server; empty: its current one. */
  defineOptions({
    kind: z.literal("kubernetes"),
    context: kubernetesNameSchema.default(""),
    namespace: kubernetesNameSchema.default("default").transform((name) => name || "default"),
  }),
  /** A machine that ssh reaches without a question. */
  defineOptions({ kind: z.literal("ssh"), host: sshHostSchema.min(1, "must not be empty") }),
  /** By the program `sky` of this machine. */
  defineOptions({ kind: z.literal("skypilot") }),
]);
export type PoolTarget = z.infer<typeof poolTargetSchema>;

/** What each worker of a pool has: only runs that need no more than this make it start one. */
export const poolOffersSchema = defineOptions({
  models: z.array(z.string().min(1).max(200)).max(200).default([]),
  corpora: z.array(z.string().min(1).max(200)).max(200).default([]),
  gpus: z.int().min(0).max(64).default(0),
  /** Memory of each GPU in GiB; 0: not known, and not compared with what a training would take. */
  gpuMemoryGib: z.number().min(0).max(1_000).default(0),
  /** Whether vLLM is installed, for runs whose episodes it writes. */
  vllm: z.boolean().default(false),
  /** Whether they are started to run commands (`--allow-commands` in the template). */
  commands: z.boolean().default(false),
  /** Whether they leave training to a Tinker service (`--tinker-url` in the template). */
  tinker: z.boolean().default(false),
  engineSlots: z.int().min(0).max(64).default(1),
  lightSlots: z.int().min(0).max(64).default(4),
});
export type PoolOffers = z.infer<typeof poolOffersSchema>;

const editablePool = {
  name: poolNameSchema,
  target: poolTargetSchema,
  template: z.string().min(1, "must not be empty").max(50_000),
  /** Address under which the workers reach this server. */
  serverUrl: addressSchema,
  offers: poolOffersSchema.prefault({}),
  /** Most workers at once. */
  quota: z.int().min(0).max(1_000).default(1),
  /** A worker that had nothing to do for this long is ended. */
  idleSeconds: z.int().min(1).max(86_400).default(300),
  /** A worker that does not attach within this time of its job's start is given up. */
  startSeconds: z.int().min(1).max(86_400).default(900),
  /** Of one worker, in whatever currency. */
  costPerHour: z.number().min(0).max(1e6).default(0),
};

export const createPoolRequestSchema = defineOptions({
  ...editablePool,
  /** Bearer token of Ray's head, where it wants one. It is sealed, and shown to nobody. */
  secret: z.string().max(2_000).default(""),
});
export type CreatePoolRequest = z.output<typeof createPoolRequestSchema>;

/**
 * Without `secret` the stored one stays, unless the scheduler gets another address: it was given for that one alone.
 * Workers that are there go on as they were started.
 */
export const updatePoolRequestSchema = defineOptions({
  id: z.uuid(),
  ...editablePool,
  secret: z.string().max(2_000).optional(),
});

export const poolIdRequestSchema = z.object({ id: z.uuid() });
export const pausePoolRequestSchema = z.object({ id: z.uuid(), paused: z.boolean() });
export const poolWorkerIdRequestSchema = z.object({ id: z.uuid() });

/**
 * requested: to be submitted; pending: its job waits or starts; attached: it has work; idle: it has none; ending: its job
 * was told to end, and it is given no run; ended, failed: its job is over.
 */
export const poolWorkerStateSchema = z.enum([
  "requested",
  "pending",
  "attached",
  "idle",
  "ending",
  "ended",
  "failed",
]);
export type PoolWorkerState = z.infer<typeof poolWorkerStateSchema>;

export const poolWorkerRowSchema = z.object({
  id: z.uuid(),
  poolId: z.uuid(),
  /** Its name on the Workers page once it is attached. */
  name: z.string(),
  state: poolWorkerStateSchema,
  /** The scheduler's own id of its job. */
  externalId: z.string().nullable(),
  /** What the scheduler says of the job. */
  detail: z.string(),
  /** Why it ends, has ended or failed, or why the last attempt to submit or end it did not succeed. */
  reason: z.string().nullable(),
  /** End of the job's log, of one that failed. */
  logTail: z.string().nullable(),
  workerId: z.uuid().nullable(),
  requestedAt: z.date(),
  /** Its job runs since then, and costs. */
  startedAt: z.date().nullable(),
  attachedAt: z.date().nullable(),
  idleSince: z.date().nullable(),
  endedAt: z.date().nullable(),
  cost: z.number(),
});
export type PoolWorkerRow = z.infer<typeof poolWorkerRowSchema>;

export const poolRowSchema = z.object({
  ...editablePool,
  id: z.uuid(),
  hasSecret: z.boolean(),
  /** It starts none: a person has paused it, or too many starts in a row failed (`error` says so). */
  paused: z.boolean(),
  /** Starts in a row that failed. */
  failures: z.int(),
  /** Why it starts none, or why its scheduler does not answer. */
  error: z.string().nullable(),
  /** Queued runs that it could take and that no attached worker has room for. */
  waiting: z.int(),
  /** Of all its workers so far. */
  cost: z.number(),
  /** Those that have not ended, and the last twenty that have. */
  workers: z.array(poolWorkerRowSchema),
});
export type PoolRow = z.infer<typeof poolRowSchema>;
