import type { PoolKind } from "@/contracts/api/pools";
import { AppError } from "@/contracts/errors";

/** Templates of what a pool submits: a text with `{{named}}` variables, a shell script or, by kind, YAML. */

/** What a template may name. Values hold nothing that a shell's word or a YAML text would have to quote. */
export interface TemplateValues {
  /** Name of the job: `s3-` and the id of the pool's worker. */
  job: string;
  /** Name of the worker on the Workers page. */
  worker: string;
  pool: string;
  /** Address of this server as the worker reaches it. */
  server: string;
  gpus: number;
  engineSlots: number;
  lightSlots: number;
}

const NAMES: Readonly<Record<keyof TemplateValues, true>> = {
  job: true,
  worker: true,
  pool: true,
  server: true,
  gpus: true,
  engineSlots: true,
  lightSlots: true,
};
/** Names that a template may hold, in the order in which they are told. */
export const TEMPLATE_NAMES = Object.keys(NAMES) as readonly (keyof TemplateValues)[];

const VARIABLE = /\{\{\s*([^{}]*?)\s*\}\}/g;
/** A token of this product: it would stand in every log of the scheduler. */
const TOKEN = /s3w_[\w-]{20,}/;
/** Takes tokens out of what a job or a scheduler wrote, e.g. of a script that lists its environment. */
export const hideTokens = (text: string): string =>
  text.replace(new RegExp(TOKEN, "g"), "s3w_(hidden)");

const SAFE_VALUE = /^[\w.:/[\]~%@-]*$/;

/**
 * What is wrong with a template, each with how to mend it; none: it can be rendered.
 *
 * Whether the scheduler takes what comes of it, the pool's test says.
 */
export function findTemplateProblems(kind: PoolKind, template: string): string[] {
  const known = TEMPLATE_NAMES.map((name) => `{{${name}}}`).join(", ");
  const problems = [...template.matchAll(VARIABLE)].flatMap(([text, name = ""]) => {
    if (Object.hasOwn(NAMES, name)) return [];
    return /token/i.test(name)
      ? `${text}: the token is part of no template; the job has it in its environment as S3_WORKER_TOKEN.`
      : `${text}: there is no such variable. Known are ${known}.`;
  });
  if (/\{\{|\}\}/.test(template.replace(VARIABLE, "")))
    problems.push("{{ and }} stand in pairs around the name of a variable.");
  if (TOKEN.test(template))
    problems.push(
      "The template holds a worker token. Take it out and revoke it: each job is given one of its own, in S3_WORKER_TOKEN.",
    );
  if (!/\{\{\s*worker\s*\}\}/.test(template))
    problems.push(
      "The worker is not given its name: start it with --name {{worker}}, so that it is found on the Workers page.",
    );
  if (!/\{\{\s*server\s*\}\}/.test(template))
    problems.push("The worker is not told the server: start it with --server {{server}}.");
  if (kind === "slurm" && !template.startsWith("#!"))
    problems.push("A batch script begins with its interpreter, e.g. #!/bin/bash.");
  return problems;
}

/** Fills a template in. @throws AppError "invalid-input" with every problem of it, or of a value */
export function renderTemplate(kind: PoolKind, template: string, values: TemplateValues): string {
  const problems = findTemplateProblems(kind, template);
  if (problems.length > 0)
    throw new AppError("invalid-input", `The template: ${problems.join(" ")}`);
  return template.replace(VARIABLE, (_, name: keyof TemplateValues) => {
    const value = String(values[name]);
    if (!SAFE_VALUE.test(value))
      throw new AppError(
        "invalid-input",
        `{{${name}}} would be "${value}", which a script would have to quote. Give it without blanks and quotes.`,
      );
    return value;
  });
}

const START_WORKER =
  "npm run worker -- --server {{server}} --name {{worker}} --engine-slots {{engineSlots}} --light-slots {{lightSlots}}";

/** What a pool of each kind begins with, to be edited. */
export const DEFAULT_TEMPLATES: Readonly<Record<PoolKind, string>> = {
  slurm: `#!/bin/bash
#SBATCH --gpus-per-node={{gpus}}
#SBATCH --cpus-per-task=8
#SBATCH --mem=64G
#SBATCH --time=08:00:00
cd "$HOME/s3-dashboard" || exit 1
exec ${START_WORKER}
`,
  ray: `cd "$HOME/s3-dashboard" || exit 1
exec ${START_WORKER}
`,
  ssh: `cd "$HOME/s3-dashboard" || exit 1
exec ${START_WORKER}
`,
  kubernetes: `apiVersion: batch/v1
kind: Job
metadata:
  labels:
    app: s3-worker
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 60
      containers:
        - name: worker
          image: registry.example.org/s3-dashboard:latest
          workingDir: /opt/s3-dashboard
          args:
            - npm
            - run
            - worker
            - --
            - --server={{server}}
            - --name={{worker}}
            - --engine-slots={{engineSlots}}
            - --light-slots={{lightSlots}}
          resources:
            limits:
              nvidia.com/gpu: "{{gpus}}"
`,
  skypilot: `resources:
  accelerators: H100:{{gpus}}
  use_spot: false
run: |
  cd "$HOME/s3-dashboard" || exit 1
  exec ${START_WORKER}
`,
};
