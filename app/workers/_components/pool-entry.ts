import { markText } from "@/app/_i18n/format-text";
import type { PoolKind, PoolRow } from "@/contracts/api/pools";
import { DEFAULT_TEMPLATES } from "@/core/pools/template";
import { POOL_FIELDS } from "./pool-texts";

/** What was entered in the form of a pool: nothing of it was checked. */
export interface PoolEntry {
  kind: PoolKind;
  name: string;
  template: string;
  vllm: boolean;
  commands: boolean;
  tinker: boolean;
  /** The texts of the other fields, by their names. */
  values: Readonly<Record<string, string>>;
}

/** Fields that hold a number. Their texts are shown by `t(text)`. */
export const NUMBERS: readonly { name: string; label: string; hint?: string; initial: string }[] = [
  { name: "gpus", label: markText("GPUs of each worker"), initial: "1" },
  {
    name: "gpuMemoryGib",
    label: markText("Memory of each GPU (GiB)"),
    hint: markText("A training that would take more makes it start none. 0: not compared."),
    initial: "0",
  },
  { name: "engineSlots", label: markText("Engine slots of each worker"), initial: "1" },
  { name: "lightSlots", label: markText("Light slots of each worker"), initial: "4" },
  { name: "quota", label: markText("Most workers at once"), initial: "1" },
  {
    name: "idleSeconds",
    label: markText("Idle limit (s)"),
    hint: markText("A worker without work for so long is ended."),
    initial: "300",
  },
  {
    name: "startSeconds",
    label: markText("Start limit (s)"),
    hint: markText("A worker that has not attached so long after its job began is given up."),
    initial: "900",
  },
  {
    name: "costPerHour",
    label: markText("Cost of a worker an hour"),
    hint: markText("In your currency; counted from its job’s start to its end."),
    initial: "0",
  },
];

const OFFERED: ReadonlySet<string> = new Set(["gpus", "gpuMemoryGib", "engineSlots", "lightSlots"]);

/** What the form begins with. */
export function buildEntry(pool: PoolRow | null, origin: string): PoolEntry {
  const initial = Object.fromEntries(NUMBERS.map((field) => [field.name, field.initial]));
  if (pool === null)
    return {
      kind: "slurm",
      name: "",
      template: DEFAULT_TEMPLATES.slurm,
      vllm: false,
      commands: false,
      tinker: false,
      values: { ...initial, serverUrl: origin, secret: "" },
    };
  const { kind, ...target } = pool.target;
  const stored: Readonly<Record<string, unknown>> = { ...pool, ...pool.offers };
  return {
    kind,
    name: pool.name,
    template: pool.template,
    vllm: pool.offers.vllm,
    commands: pool.offers.commands,
    tinker: pool.offers.tinker,
    values: {
      ...target,
      ...Object.fromEntries(NUMBERS.map(({ name }) => [name, String(stored[name])])),
      serverUrl: pool.serverUrl,
      models: pool.offers.models.join(", "),
      corpora: pool.offers.corpora.join(", "),
      secret: "",
    },
  };
}

const split = (text = ""): string[] =>
  text
    .split(",")
    .map((one) => one.trim())
    .filter(Boolean);

/** An empty text is no number. */
const readNumber = (text = ""): number => (text.trim() === "" ? NaN : Number(text));

/** The request that the schemas check; an empty secret leaves the stored one at its address. */
export function buildRequest(entry: PoolEntry): object {
  const { kind, name, template, vllm, commands, tinker, values } = entry;
  const { serverUrl, secret } = values;
  const numbers = NUMBERS.map((field) => [field.name, readNumber(values[field.name])] as const);
  const isOffered = ([field]: readonly [string, number]): boolean => OFFERED.has(field);
  return {
    name,
    template,
    serverUrl,
    target: {
      ...Object.fromEntries(
        POOL_FIELDS[kind]
          .filter((field) => !field.secret)
          .map((field) => [field.name, values[field.name] ?? ""]),
      ),
      kind,
    },
    offers: {
      models: split(values.models),
      corpora: split(values.corpora),
      vllm,
      commands,
      tinker,
      ...Object.fromEntries(numbers.filter(isOffered)),
    },
    ...Object.fromEntries(numbers.filter((one) => !isOffered(one))),
    ...(secret && { secret }),
  };
}
