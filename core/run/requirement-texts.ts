import type { CheckedRequirement } from "@/contracts/records/requirement";
import type { Translate } from "@/core/texts/format-text";

/** What it is, and how it stands, as ICU messages over the requirement's values. */
interface RequirementTexts {
  name: string;
  detail: string;
}

export const REQUIREMENT_TEXTS: Readonly<Record<CheckedRequirement["code"], RequirementTexts>> = {
  worker: { name: "worker", detail: "online: {workers}" },
  "no-worker": {
    name: "worker",
    detail: "no worker is attached; the Workers page has a command that attaches one",
  },
  "chosen-worker": { name: "worker {chosen}", detail: "{worker} is online" },
  "no-chosen-worker": {
    name: "worker {chosen}",
    detail: "the chosen worker {chosen} is not attached; start it, or choose another",
  },
  model: { name: "model {model}", detail: "on {workers}" },
  "no-model": { name: "model {model}", detail: "no attached worker has the model {model}" },
  "model-to-fetch": {
    name: "model {model}",
    detail:
      "no attached worker has the model {model}: `{command}` installs it there ({gibibytes} GiB, licence {licence})",
  },
  corpus: { name: "corpus {corpus}", detail: "on {workers}" },
  "no-corpus": { name: "corpus {corpus}", detail: "no attached worker has the corpus {corpus}" },
  vllm: { name: "vLLM", detail: "on {workers}" },
  "no-vllm": {
    name: "vLLM",
    detail:
      "no attached worker has vLLM and a GPU; install vLLM there and name its program in S3_VLLM, or choose the server engine",
  },
  "few-gpus": {
    name: "vLLM",
    detail: "needs {gpus} GPUs on one worker; the largest with vLLM has {most}",
  },
  "taken-gpus": {
    name: "vLLM",
    detail:
      "needs {gpus} GPUs beside the engine's, which trains on too many of them; start these workers with fewer: {workers}",
  },
  commands: { name: "commands", detail: "allowed on {workers}" },
  "no-commands": {
    name: "commands",
    detail:
      "no attached worker runs commands: start one with --allow-commands (S3_ALLOW_COMMANDS=1). Whoever may launch runs here may then do on its machine what its user may",
  },
  "own-engine": { name: "engine of the worker", detail: "on {workers}" },
  "no-own-engine": {
    name: "engine of the worker",
    detail:
      "{workers} trains at a Tinker service, which cannot follow {limits}. Change these, or attach a worker without --tinker-url",
  },
  "no-single-worker": {
    name: "one worker",
    detail: "no single attached worker has everything that the run needs",
  },
};

/** What a requirement is and how it stands, in the language of `t`. */
export function describeRequirement(
  t: Translate,
  { code, values }: Pick<CheckedRequirement, "code" | "values">,
): RequirementTexts {
  const { name, detail } = REQUIREMENT_TEXTS[code];
  const { limits, ...others } = values;
  const said = limits === undefined ? others : { ...others, limits: t.message(String(limits)) };
  return { name: t(name, said), detail: t(detail, said) };
}
