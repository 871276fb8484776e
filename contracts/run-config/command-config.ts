import { z } from "zod";
import { nameSchema, workerSchema } from "./common";
import { defineLaterSetting, defineSetting } from "./setting";

/** Lines of NAME=value. */
const ENVIRONMENT_LINE = /^[A-Za-z_][A-Za-z0-9_]*=/;
/** Set by the worker itself. */
const OWN = /^S3_/;

const addressSchema = z
  .string()
  .max(2_000)
  .default("")
  .refine(
    (text) => text === "" || /^https?:\/\/\S+$/.test(text),
    "give an address with http:// or https://",
  );

/** Lines of a setting of the environment as names and values. */
export const parseEnvironment = (text: string): Record<string, string> =>
  Object.fromEntries(
    text
      .split(/\r?\n/)
      .filter((line) => line.trim() !== "")
      .map((line) => [line.slice(0, line.indexOf("=")).trim(), line.slice(line.indexOf("=") + 1)]),
  );

/** Another trainer as a job of a worker: a command that reports its run by MLflow's API. */
export const commandConfigSchema = z.strictObject({
  kind: z.literal("command"),
  name: nameSchema,
  command: defineSetting(
    z.string().trim().min(1, "must not be empty").max(20_000).default("bash train.sh"),
    "Command",
    "Given to bash on a worker that was started with --allow-commands. Its environment has MLFLOW_TRACKING_URI, S3_RUN_ID and the addresses below.",
  ),
  folder: defineSetting(
    z.string().max(4_000).default(""),
    "Folder",
    "Folder of the worker that it is started in; empty: a new one, deleted at its end.",
  ),
  environment: defineSetting(
    z
      .string()
      .max(20_000)
      .default("")
      .superRefine((text, context) => {
        for (const line of text.split(/\r?\n/)) {
          const issue =
            line.trim() === ""
              ? null
              : !ENVIRONMENT_LINE.test(line.trim())
                ? `"${line.slice(0, 80)}" is not of the form NAME=value`
                : OWN.test(line.trim())
                  ? `${line.split("=", 1)[0]} is set by the worker`
                  : null;
          if (issue !== null) context.addIssue({ code: "custom", message: issue });
        }
      }),
    "Environment",
    "Lines of NAME=value. They are stored and shown: no secrets.",
  ),
  experiment: defineSetting(
    z.string().trim().min(1).max(500).default("Default"),
    "Experiment",
    "The experiment that its run belongs to, unless the trainer names another.",
  ),
  restart: defineSetting(
    z.boolean().default(false),
    "Start again",
    "Start the command again by itself where its worker was lost; without it the run fails then.",
  ),
  worker: workerSchema,
  rollouts: z
    .strictObject({
      folder: defineSetting(
        z.string().max(4_000).default(""),
        "Folder",
        "Where the trainer writes its rollouts (verl: trainer.rollout_data_dir), followed while it does; empty: none.",
      ),
      validationFolder: defineLaterSetting(
        z.string().max(4_000),
        "",
        "Evaluations' folder",
        "Where it writes the rollouts of its evaluations (verl: trainer.validation_data_dir), which become held-out episodes; empty: none.",
      ),
      validationQuestions: defineLaterSetting(
        z.string().max(200),
        "",
        "Evaluations' questions",
        "Question set that its evaluations answer; empty: the same as above.",
      ),
      format: defineSetting(
        z.enum(["verl", "verifiers", "otlp"]).default("verl"),
        "Format",
        "What writes them; the run's page shows where each format is read.",
      ),
      questions: defineSetting(
        z.string().min(1).max(200).default("atlas/train"),
        "Questions",
        "Question set that they answer; also that of traces.",
      ),
      corpus: defineSetting(
        z.string().min(1).max(120).default("external"),
        "Corpus",
        "Corpus that is searched, where it is one of this project's.",
      ),
    })
    .prefault({})
    .meta({ title: "Rollouts", description: "What the policy did, as episodes of the run." }),
  addresses: z
    .strictObject({
      retriever: defineSetting(
        addressSchema,
        "Retriever",
        "Given as S3_RETRIEVER_URL: the address of a serve run, as the worker reaches it.",
      ),
      generator: defineSetting(
        addressSchema,
        "Generator",
        "Given as S3_GENERATOR_URL: the same of a served model.",
      ),
    })
    .prefault({})
    .meta({ title: "Addresses", description: "Services that the command uses." }),
  ray: z
    .strictObject({
      address: defineSetting(
        addressSchema,
        "Ray's address",
        "Of a Ray dashboard: the command becomes a job there, and the worker follows it. Empty: a process of the worker.",
      ),
    })
    .prefault({})
    .meta({ title: "Ray", description: "Where the command runs." }),
});
export type CommandConfig = z.infer<typeof commandConfigSchema>;
