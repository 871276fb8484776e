import { markText } from "@/app/_i18n/format-text";
import type { BadgeTone } from "@/app/_ui/badge";
import type { PoolKind, PoolTarget, PoolWorkerState } from "@/contracts/api/pools";

/** Shown by `t(text)`, like all texts here. */
export const POOL_KINDS: Readonly<Record<PoolKind, string>> = {
  slurm: markText("Slurm"),
  ray: markText("Ray Jobs"),
  kubernetes: markText("Kubernetes"),
  ssh: markText("SSH"),
  skypilot: markText("SkyPilot"),
};

export const POOL_MEANINGS: Readonly<Record<PoolKind, string>> = {
  slurm: markText("Batch jobs, by sbatch, squeue and scancel of this machine or of a login node."),
  ray: markText("Jobs of a Ray cluster, over the REST API of its head."),
  kubernetes: markText("A Job a worker, by the kubeconfig of whoever started the server."),
  ssh: markText("Processes on a machine that ssh reaches without a question."),
  skypilot: markText("A cluster of one job a worker, by the program sky of this machine."),
};

export interface PoolField {
  name: string;
  label: string;
  hint?: string;
  secret?: true;
}

/** What each kind of pool asks for besides. */
export const POOL_FIELDS: Readonly<Record<PoolKind, readonly PoolField[]>> = {
  slurm: [
    {
      name: "host",
      label: markText("Login node"),
      hint: markText("As ssh takes it, e.g. user@login.example.org; empty: this machine."),
    },
  ],
  ray: [
    { name: "url", label: markText("Address of the head"), hint: "http://127.0.0.1:8265" },
    {
      name: "secret",
      label: markText("Token of the head"),
      hint: markText(
        "Empty: as it is, or none; another address needs it again. It is sealed once stored, and shown to nobody.",
      ),
      secret: true,
    },
  ],
  kubernetes: [
    {
      name: "context",
      label: markText("Context"),
      hint: markText("Of the kubeconfig; empty: its current one."),
    },
    { name: "namespace", label: markText("Namespace"), hint: "default" },
  ],
  ssh: [
    {
      name: "host",
      label: markText("Host"),
      hint: markText("As ssh takes it, e.g. user@gpu-box; its key must be known."),
    },
  ],
  skypilot: [],
};

export const WORKER_STATES: Readonly<Record<PoolWorkerState, { text: string; tone: BadgeTone }>> = {
  requested: { text: markText("requested"), tone: "outline" },
  pending: { text: markText("pending"), tone: "primary" },
  attached: { text: markText("busy"), tone: "good" },
  idle: { text: markText("idle"), tone: "warn" },
  ending: { text: markText("ending"), tone: "neutral" },
  ended: { text: markText("ended"), tone: "neutral" },
  failed: { text: markText("failed"), tone: "bad" },
};

/** Where a pool is, as far as it may be shown. */
export function describeTarget(target: PoolTarget): string {
  switch (target.kind) {
    case "slurm":
    case "ssh":
      return target.host;
    case "ray":
      return target.url;
    case "kubernetes":
      return [target.context, target.namespace].filter(Boolean).join(" / ");
    case "skypilot":
      return "";
  }
}
