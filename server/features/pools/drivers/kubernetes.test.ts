import { createServer, type Server } from "node:http";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { Job } from "kubernetes-models/batch/v1";
import { Secret } from "kubernetes-models/v1";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { DEFAULT_TEMPLATES, renderTemplate } from "@/core/pools/template";
import { listenLocally } from "@/lib/testing/listen-locally";
import type { PoolDriver } from "./driver";
import { createKubernetesDriver, readJobStatus } from "./kubernetes";

const NAME = "s3-0b0e7b5e-8c8b-4c55-9f5e-2f6c3c3f0a11";
const TOKEN = `s3w_${"t".repeat(43)}`;
const render = (template: string) =>
  renderTemplate("kubernetes", template, {
    job: NAME,
    worker: "lab-1",
    pool: "lab",
    server: "http://127.0.0.1:3000",
    gpus: 1,
    engineSlots: 1,
    lightSlots: 4,
  });
const SCRIPT = render(DEFAULT_TEMPLATES.kubernetes);

interface Stored {
  metadata: { name: string; namespace: string; labels: Record<string, string> };
  spec?: Record<string, unknown>;
  status?: unknown;
}

/**
 * Answers the few requests of the driver as the API documents them, and checks each object by the published OpenAPI
 * schemas. It starts no pod: what a cluster makes of a Job, tests set by hand.
 */
class Api {
  readonly jobs = new Map<string, Stored>();
  readonly secrets = new Map<string, Stored>();
  pods: object[] = [];
  readonly seen: string[] = [];
  private readonly server: Server = createServer((request, response) => {
    void text(request).then((body) => {
      const url = new URL(request.url!, "http://localhost");
      this.seen.push(`${request.method} ${url.pathname}${url.search}`);
      const { code, answer } = this.answer(request.method!, url, body, request.headers);
      response.writeHead(code, {
        "content-type": typeof answer === "string" ? "text/plain" : "application/json",
      });
      response.end(typeof answer === "string" ? answer : JSON.stringify(answer));
    });
  });

  async listen(): Promise<string> {
    return listenLocally(this.server);
  }
  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  private answer(
    method: string,
    { pathname, searchParams }: URL,
    body: string,
    headers: Record<string, string | string[] | undefined>,
  ): { code: number; answer: object | string } {
    const refuse = (code: number, message: string) => ({
      code,
      answer: { kind: "Status", apiVersion: "v1", status: "Failure", message, code },
    });
    if (headers.authorization !== "Bearer sesame") return refuse(401, "Unauthorized");
    const found =
      /^\/(?:apis\/batch\/v1|api\/v1)\/namespaces\/lab\/(jobs|secrets|pods)(?:\/([^/]+))?(\/log)?$/.exec(
        pathname,
      );
    if (!found) return refuse(404, `no such path ${pathname}`);
    const [, kind, name, log] = found;
    if (log) return { code: 200, answer: "one\ntwo\n" };
    if (kind === "pods") return { code: 200, answer: { kind: "PodList", items: this.pods } };
    const store = kind === "jobs" ? this.jobs : this.secrets;
    if (method === "POST") {
      const sent = JSON.parse(body) as Stored;
      // By the schemas that Kubernetes publishes: unknown fields, missing ones, wrong types.
      if (kind === "jobs") new Job(sent as never).validate();
      else new Secret(sent).validate();
      if (store.has(sent.metadata.name))
        return refuse(409, `${kind} "${sent.metadata.name}" already exists`);
      if (searchParams.get("dryRun") !== "All") store.set(sent.metadata.name, sent);
      return { code: 201, answer: sent };
    }
    if (method === "GET") {
      const names = /\((.*)\)/.exec(searchParams.get("labelSelector") ?? "")?.[1]?.split(",") ?? [];
      const items = [...store.values()].filter(({ metadata }) =>
        names.includes(metadata.labels["s3-pool-worker"]!),
      );
      return { code: 200, answer: { kind: "JobList", apiVersion: "batch/v1", items } };
    }
    const stored = store.get(name!);
    if (!stored) return refuse(404, `${kind} "${name}" not found`);
    if (method === "PATCH") {
      if (headers["content-type"] !== "application/merge-patch+json") return refuse(415, "type");
      const patch = JSON.parse(body) as { spec: object };
      stored.spec = { ...stored.spec, ...patch.spec };
      return { code: 200, answer: stored };
    }
    store.delete(name!);
    return { code: 200, answer: { kind: "Status", status: "Success" } };
  }
}

describe("Jobs of Kubernetes", () => {
  let api: Api;
  let folder: string;
  let driver: PoolDriver;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "s3-kube-"));
  });
  afterAll(() => rm(folder, { recursive: true }));
  beforeEach(async () => {
    api = new Api();
    const server = await api.listen();
    const file = join(folder, "config");
    await writeFile(
      file,
      JSON.stringify({
        apiVersion: "v1",
        kind: "Config",
        "current-context": "lab",
        clusters: [{ name: "lab", cluster: { server, "insecure-skip-tls-verify": true } }],
        users: [{ name: "me", user: { token: "sesame" } }],
        contexts: [{ name: "lab", context: { cluster: "lab", user: "me" } }],
      }),
    );
    process.env.KUBECONFIG = file;
    driver = createKubernetesDriver("lab", "lab");
    return () => {
      api.close();
      delete process.env.KUBECONFIG;
    };
  });
  const submit = () => driver.submit({ name: NAME, script: SCRIPT, gpus: 1, token: TOKEN });

  it("submits a Job that the published schema takes, with the token in a Secret alone, once", async () => {
    expect(await submit()).toBe(NAME);
    expect(await submit(), "again").toBe(NAME);
    expect([...api.jobs.keys(), ...api.secrets.keys()]).toEqual([NAME, NAME]);
    expect(JSON.stringify([...api.jobs.values()])).not.toContain(TOKEN);
    expect(api.secrets.get(NAME)).toMatchObject({ stringData: { token: TOKEN }, type: "Opaque" });
    expect(api.jobs.get(NAME)).toMatchObject({
      metadata: { namespace: "lab", labels: { app: "s3-worker", "s3-pool-worker": NAME } },
      spec: {
        backoffLimit: 0,
        template: {
          metadata: { labels: { "s3-pool-worker": NAME } },
          spec: {
            containers: [
              {
                resources: { limits: { "nvidia.com/gpu": "1" } },
                env: [
                  {
                    name: "S3_WORKER_TOKEN",
                    valueFrom: { secretKeyRef: { name: NAME, key: "token" } },
                  },
                ],
              },
            ],
          },
        },
      },
    });
    expect(api.seen.filter((line) => line.includes("fieldValidation=Strict"))).toHaveLength(2);
  });

  it("tries a template without making anything", async () => {
    expect(await driver.check({ name: NAME, script: SCRIPT, gpus: 1 })).toContain("namespace lab");
    expect(api.seen).toEqual([
      "POST /apis/batch/v1/namespaces/lab/jobs?dryRun=All&fieldValidation=Strict",
    ]);
    expect(api.jobs.size + api.secrets.size).toBe(0);
  });

  it.each([
    ["kind: Job", "kind: Pod", "The template is no Job"],
    ["backoffLimit: 0", "backOffLimit: 0", "spec.backOffLimit: there is no such field"],
    ["image: ", "imagee: ", "spec.template.spec.containers[0].imagee: there is no such field"],
    ["backoffLimit: 0", "backoffLimit: none", "spec.backoffLimit: must be a number"],
    ['gpu: "{{gpus}}"', "gpu: {{gpus}}", "limits.nvidia.com/gpu: must be a string; quote it"],
    ["args:", "args: one\n          volumeMounts:", "containers[0].args: must be a list"],
    ["spec:\n", "spec: [\n", "The template is no YAML"],
  ])("says what is wrong where %j is %j", async (before, after, message) => {
    const script = render(DEFAULT_TEMPLATES.kubernetes.replace(before, after));
    await expect(driver.check({ name: NAME, script, gpus: 1 })).rejects.toThrow(message);
    expect(api.seen).toEqual([]);
  });

  it("lists, suspends and removes what it made, and is not disturbed by what is gone", async () => {
    await submit();
    const list = async () => Object.fromEntries(await driver.list([NAME, "s3-other"]));
    expect(await list()).toEqual({ [NAME]: { phase: "queued", detail: "waits for its pod" } });
    expect(await driver.readLog(NAME)).toBe("");
    api.pods = [
      {
        metadata: { name: "pod-1", labels: { "s3-pool-worker": NAME } },
        status: {
          phase: "Running",
          conditions: [
            { type: "PodScheduled", status: "True", lastTransitionTime: "2026-11-30T05:00:00Z" },
          ],
        },
      },
    ];
    expect(await list()).toEqual({
      [NAME]: {
        phase: "running",
        detail: "Running",
        startedAt: new Date("2026-11-30T05:00:00Z"),
      },
    });
    expect(await driver.readLog(NAME)).toBe("one\ntwo\n");
    await driver.cancel(NAME);
    expect(await list(), "its pod is ending").toMatchObject({ [NAME]: { phase: "running" } });
    api.pods = [];
    expect(await list()).toEqual({ [NAME]: { phase: "ended", detail: "Suspended" } });
    for (let i = 0; i < 2; i++) await driver.release(NAME);
    await driver.cancel(NAME);
    expect(await list()).toEqual({});
    expect(api.secrets.size).toBe(0);
  });

  it("tells the API's own reason, and which kubeconfig is used", async () => {
    process.env.KUBECONFIG = join(folder, "config");
    await expect(createKubernetesDriver("moon", "lab").list([NAME])).rejects.toThrow(
      'The kubeconfig cannot be used: there is no context "moon"',
    );
    await expect(createKubernetesDriver("lab", "other").list([NAME])).rejects.toThrow(
      "Kubernetes answered 404: no such path",
    );
    api.close();
    await expect(createKubernetesDriver("lab", "lab").list([NAME])).rejects.toThrow(
      /Kubernetes does not answer: .*ECONNREFUSED/,
    );
  });

  it("reads why a Job failed, and counts a pod that has a node as running", () => {
    const scheduled = { type: "PodScheduled", status: "True" };
    const waiting = { reason: "ErrImagePull", message: "no such image" };
    const status = (container: object) =>
      ({ status: { conditions: [scheduled], containerStatuses: [container] } }) as never;
    expect(readJobStatus({}, status({ state: { waiting } }))).toEqual({
      phase: "running",
      detail: "ErrImagePull: no such image",
    });
    const unschedulable = { type: "PodScheduled", status: "False", message: "0/3 nodes" };
    expect(readJobStatus({}, { status: { conditions: [unschedulable] } })).toEqual({
      phase: "queued",
      detail: "0/3 nodes",
    });
    const failed = {
      status: {
        conditions: [
          { type: "Failed", status: "True", reason: "BackoffLimitExceeded", message: "x" },
        ],
      },
    } as never;
    const terminated = { exitCode: 2, reason: "Error" };
    expect(readJobStatus(failed, status({ state: { terminated } }))).toEqual({
      phase: "failed",
      detail: "Failed: BackoffLimitExceeded x; container ended with code 2 (Error)",
    });
    const finishedAt = new Date("2026-11-30T06:00:00Z");
    const timed = { exitCode: 2, reason: "Error", finishedAt };
    expect(readJobStatus(failed, status({ state: { terminated: timed } }))).toMatchObject({
      endedAt: finishedAt,
    });
  });
});
