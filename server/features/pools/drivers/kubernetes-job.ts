import type { V1Job } from "@kubernetes/client-node";
import { parse } from "yaml";
import { AppError } from "@/contracts/errors";

type Client = typeof import("@kubernetes/client-node");

/** By which its jobs and pods are found. */
export const JOB_LABEL = "s3-pool-worker";

interface AttributeType {
  baseName: string;
  type: string;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * Reads a rendered template as Job, and sets what makes it this worker's: name, label, namespace, and where each
 * container without one takes S3_WORKER_TOKEN from.
 *
 * @throws AppError "invalid-input" with every field that the API's Job does not have, or that is missing
 */
export function buildJob(client: Client, script: string, name: string, namespace: string): V1Job {
  let job: unknown;
  try {
    job = parse(script);
  } catch (cause) {
    throw new AppError("invalid-input", `The template is no YAML: ${(cause as Error).message}`, {
      cause,
    });
  }
  if (!isObject(job) || job.kind !== "Job" || job.apiVersion !== "batch/v1")
    throw new AppError(
      "invalid-input",
      "The template is no Job: it begins with apiVersion: batch/v1 and kind: Job.",
    );
  const problems = findProblems(client, job, "V1Job", "");
  const pod = readPath(job, "spec", "template");
  const containers = readPath(pod, "spec")?.containers;
  if (!Array.isArray(containers) || containers.length === 0)
    problems.push("spec.template.spec.containers: give at least one container");
  if (problems.length > 0)
    throw new AppError("invalid-input", `The template: ${problems.join("; ")}.`);
  const label = { [JOB_LABEL]: name };
  const addTo = (holder: Record<string, unknown>): void => {
    const metadata = isObject(holder.metadata) ? holder.metadata : {};
    const labels = isObject(metadata.labels) ? metadata.labels : {};
    holder.metadata = { ...metadata, labels: { ...labels, ...label } };
  };
  addTo(job);
  addTo(pod!);
  job.metadata = { ...(job.metadata as object), name, namespace };
  for (const container of containers as Record<string, unknown>[])
    container.env = [
      ...(Array.isArray(container.env) ? (container.env as unknown[]) : []),
      { name: "S3_WORKER_TOKEN", valueFrom: { secretKeyRef: { name, key: "token" } } },
    ];
  return client.loadYaml<V1Job>(JSON.stringify(job));
}

function readPath(value: unknown, ...keys: string[]): Record<string, unknown> | undefined {
  const found = keys.reduce<unknown>((at, key) => (isObject(at) ? at[key] : undefined), value);
  return isObject(found) ? found : undefined;
}

/** Fields that the client's model of a type does not have, and values of another form. */
function findProblems(client: Client, value: unknown, type: string, path: string): string[] {
  const item = /^Array<(.+)>$/.exec(type)?.[1];
  if (item !== undefined) {
    if (!Array.isArray(value)) return [`${path}: must be a list`];
    return value.flatMap((one, i) => findProblems(client, one, item, `${path}[${i}]`));
  }
  const entry = /^\{ \[key: string\]: (.+?);? \}$/.exec(type)?.[1];
  if (entry !== undefined) {
    if (!isObject(value)) return [`${path}: must hold names with values`];
    return Object.entries(value).flatMap(([key, one]) =>
      findProblems(client, one, entry, `${path}.${key}`),
    );
  }
  if (type === "string" || type === "number" || type === "boolean") {
    if (typeof value === type) return [];
    const quoted = type === "string" ? "; quote it" : "";
    return [`${path}: must be a ${type}${quoted}`];
  }
  const model = (client as unknown as Record<string, unknown>)[type];
  if (typeof model !== "function" || !("getAttributeTypeMap" in model)) return [];
  if (!isObject(value)) return [`${path}: must hold fields`];
  const attributes = (model.getAttributeTypeMap as () => AttributeType[])();
  return Object.entries(value).flatMap(([key, one]) => {
    const at = path === "" ? key : `${path}.${key}`;
    const attribute = attributes.find(({ baseName }) => baseName === key);
    if (!attribute) return [`${at}: there is no such field`];
    return findProblems(client, one, attribute.type, at);
  });
}
