import { createHmac } from "node:crypto";
import { createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  channelAddressSchema,
  type ChannelAddress,
  type NotificationEvent,
} from "@/contracts/api/notifications";
import { ALARM_MEANINGS } from "@/contracts/records/alarm-meanings";
import type { AlarmChange, AlarmEvidence } from "@/contracts/records/alarms";
import { listenLocally } from "@/lib/testing/listen-locally";
import { startReceiver, type Receiver } from "@/lib/testing/receiver";
import { waitUntil } from "@/lib/testing/wait-until";
import { getPresetConfig } from "@/server/testing/samples";
import { startTestServer, type TestServer } from "@/server/testing/test-server";

/** The first request to /busy is answered 503, every one to /gone 410; robots answer 200 also where they refuse. */
function answerRequest(path: string, times: number): { status?: number; body?: string } {
  if (path === "/gone") return { status: 410 };
  if (path === "/busy" && times === 1) return { status: 503 };
  if (path.startsWith("/feishu")) return { body: '{"code":0}' };
  if (path.startsWith("/dingtalk")) return { body: '{"errcode":0,"errmsg":"ok"}' };
  if (path === "/refusing") return { body: '{"errcode":310000,"errmsg":"sign not match"}' };
  return {};
}

/** The text of a mail, with its lines as they were before they were folded for the way (quoted-printable or flowed). */
function readMailText(mail: string): string {
  const [, body = ""] = mail.split(/\r\n\r\n(.*)/s);
  const unfolded = /quoted-printable/i.test(mail)
    ? body
        .replaceAll("=\r\n", "")
        .replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
    : body.replaceAll(" \r\n", " ");
  return unfolded
    .replaceAll("\r\n", "\n")
    .replace(/\n?\.\n$/, "")
    .trim();
}

/** A mail server that takes every mail and keeps its text. */
async function startMailServer() {
  const mails: string[] = [];
  const server = createServer((socket) => {
    let mail: string | null = null;
    socket.on("error", () => undefined);
    socket.write("220 test\r\n");
    socket.on("data", (data: Buffer) => {
      const text = data.toString();
      if (mail !== null) {
        mail += text;
        if (!mail.endsWith("\r\n.\r\n")) return;
        mails.push(mail);
        mail = null;
        socket.write("250 kept\r\n");
      } else if (/^DATA/i.test(text)) {
        mail = "";
        socket.write("354 go on\r\n");
      } else if (/^QUIT/i.test(text)) socket.end("221 bye\r\n");
      else socket.write("250 yes\r\n");
    });
  });
  const { port } = new URL(await listenLocally(server));
  return { port: Number(port), mails, server };
}

describe("notifications", () => {
  let server: TestServer;
  let receiver: Receiver;
  let mail: Awaited<ReturnType<typeof startMailServer>>;
  const origin = "http://pages.example";
  const add = (name: string, address: ChannelAddress, events: NotificationEvent[]) =>
    server.plane.notifications.create({ name, events, origin, address }, "test");
  const endRun = async () => {
    const id = await server.plane.runs.create(getPresetConfig(), { actor: "test", preset: null });
    await server.plane.runs.cancel(id, { actor: "test", reason: "enough" });
    return id;
  };
  const find = async (name: string) =>
    (await server.plane.notifications.list()).find((channel) => channel.name === name);

  const removeAll = async () => {
    for (const { id } of await server.plane.notifications.list())
      await server.plane.notifications.remove(id);
  };

  beforeAll(async () => {
    [server, receiver, mail] = await Promise.all([
      startTestServer(),
      startReceiver(answerRequest),
      startMailServer(),
    ]);
  });
  afterAll(async () => {
    await server.stop();
    receiver.close();
    mail.server.close();
  });

  it("tells each channel once of a run that ends, signed, and shows no secret", async () => {
    await add("hook", { kind: "webhook", url: `${receiver.url}/hook`, secret: "k" }, ["cancelled"]);
    await add("other", { kind: "slack", url: `${receiver.url}/other` }, ["failed"]);
    await add("bot", { kind: "feishu", url: `${receiver.url}/feishu`, secret: "s" }, ["cancelled"]);
    const runId = await endRun();
    await waitUntil(
      "both are told",
      async () => (await find("hook"))?.sent === 1 && (await find("bot"))?.sent === 1,
    );
    const [hook] = receiver.got.filter(({ path }) => path === "/hook");
    expect(JSON.parse(hook!.body)).toMatchObject({
      text: "enough",
      link: `${origin}/runs/${runId}`,
      event: { kind: "end", state: "cancelled", runId },
    });
    expect(hook!.headers["x-s3-signature"]).toBe(
      createHmac("sha256", "k").update(hook!.body).digest("hex"),
    );
    const [bot] = receiver.got.filter(({ path }) => path === "/feishu");
    expect(JSON.parse(bot!.body)).toMatchObject({
      msg_type: "text",
      sign: expect.any(String) as string,
    });
    expect(receiver.got.filter(({ path }) => path === "/hook")).toHaveLength(1);
    expect(receiver.got.some(({ path }) => path === "/other")).toBe(false);
    const listed = JSON.stringify(await server.plane.notifications.list());
    expect(listed).not.toContain("/hook");
    await removeAll();
  });

  it("tries again where the receiver is busy, and gives up where it refuses", async () => {
    await add("busy", { kind: "webhook", url: `${receiver.url}/busy`, secret: "" }, ["cancelled"]);
    await add("gone", { kind: "webhook", url: `${receiver.url}/gone`, secret: "" }, ["cancelled"]);
    await endRun();
    await waitUntil("one is given up", async () => (await find("gone"))?.failed === 1);
    expect((await find("gone"))?.error).toContain("410");
    await waitUntil("the busy one is told", async () => (await find("busy"))?.sent === 1);
    expect((await find("busy"))?.error).toBeNull();
    expect(receiver.got.filter(({ path }) => path === "/busy")).toHaveLength(2);
    expect(receiver.got.filter(({ path }) => path === "/gone")).toHaveLength(1);
    await removeAll();
  }, 30_000);

  it("forgets what was sent long ago, and keeps what is recent or was given up", async () => {
    await add("kept", { kind: "webhook", url: `${receiver.url}/kept`, secret: "" }, ["cancelled"]);
    await add("refused", { kind: "webhook", url: `${receiver.url}/gone`, secret: "" }, [
      "cancelled",
    ]);
    const [old, recent] = [await endRun(), await endRun()];
    await waitUntil(
      "all is over",
      async () => (await find("kept"))?.sent === 2 && (await find("refused"))?.failed === 2,
    );
    const { db } = server.plane.database;
    await db.$executeRaw`
      UPDATE notification_deliveries SET created_at = created_at - interval '2 hours' WHERE event ->> 'runId' = ${old}`;
    await waitUntil("the old one is removed", async () => (await find("kept"))?.sent === 1);
    const left = await db.notificationDelivery.findMany({ where: { state: "sent" } });
    expect(left).toMatchObject([{ event: { runId: recent } }]);
    expect((await find("refused"))?.failed).toBe(2);
    await removeAll();
  }, 30_000);

  it("sends mail, and a test says why a channel does not work", async () => {
    const address = { kind: "email", host: "127.0.0.1", user: "", password: "" } as const;
    const people = { from: "s3@example.org", to: "me@example.org" };
    const good = await add("mail", { ...address, ...people, port: mail.port }, ["cancelled"]);
    const runId = await endRun();
    await waitUntil("the mail is sent", async () => (await find("mail"))?.sent === 1);
    expect(mail.mails[0]).toContain("To: me@example.org");
    expect(mail.mails[0]).toContain(`${origin}/runs/${runId}`);
    await server.plane.notifications.test(good.id);
    expect(mail.mails).toHaveLength(2);
    const bad = await add("bad", { kind: "slack", url: `${receiver.url}/gone` }, ["failed"]);
    await expect(server.plane.notifications.test(bad.id)).rejects.toThrow(
      /Not delivered: answered 410/,
    );
  });

  it("tells every kind of channel of an alarm once, in the form that each takes", async () => {
    const at = `${receiver.url}/alarm`;
    const addresses: { [Kind in ChannelAddress["kind"]]: ChannelAddress & { kind: Kind } } = {
      webhook: { kind: "webhook", url: at, secret: "k" },
      slack: { kind: "slack", url: `${receiver.url}/slack` },
      feishu: { kind: "feishu", url: `${receiver.url}/feishu/alarm`, secret: "k" },
      dingtalk: {
        kind: "dingtalk",
        url: `${receiver.url}/dingtalk?access_token=robot`,
        secret: "k",
      },
      email: {
        kind: "email",
        host: "127.0.0.1",
        port: mail.port,
        user: "",
        password: "",
        from: "s3@example.org",
        to: "me@example.org",
      },
    };
    const kinds = channelAddressSchema.options.map(({ shape }) => shape.kind.value);
    for (const kind of kinds) await add(kind, addresses[kind], ["alarm"]);
    await add("not of alarms", { kind: "slack", url: `${receiver.url}/ends` }, ["failed"]);

    const config = { ...getPresetConfig(), name: "Watched" };
    await server.plane.runs.create(config, { actor: "test", preset: null });
    const worker = await server.worker();
    const { runId, attempt } = await worker.leaseAndStart();
    worker.keepAlive([{ runId, attempt }]);
    const evidence: AlarmEvidence = {
      metric: "groups/without_variance",
      now: { value: 1, fromStep: 1, toStep: 5 },
      before: null,
      limit: { side: "at-least", value: 0.9 },
    };
    const name = "no-variance";
    const changes: AlarmChange[] = [
      { to: "raised", name, step: 5, since: 1, evidence: [evidence] },
      { to: "cleared", name, step: 6 },
    ];
    await worker.request("report", {
      runId,
      attempt,
      sequence: 1,
      items: [{ kind: "alarms", changes }],
    });
    await waitUntil("every channel has told", async () => {
      const sent = await Promise.all(kinds.map(async (kind) => (await find(kind))?.sent));
      return sent.every((count) => count === 1);
    });

    const title = "Alarm in Watched: Groups without variance";
    const text = `Raised after step 5. ${ALARM_MEANINGS[name].meaning}`;
    const link = `${origin}/runs/${runId}`;
    const lines = [title, text, link].join("\n");
    const sign = (key: string, signed: string, encoding: "hex" | "base64"): string =>
      createHmac("sha256", key).update(signed).digest(encoding);
    const getOnly = (path: string) => {
      const found = receiver.got.filter((one) => one.path.split("?")[0] === path);
      expect(found, path).toHaveLength(1);
      return found[0]!;
    };
    const isNow = (milliseconds: number): boolean => Math.abs(Date.now() - milliseconds) < 120_000;

    const hook = getOnly("/alarm");
    expect(JSON.parse(hook.body)).toEqual({
      title,
      text,
      link,
      event: { kind: "alarm", runId, alarm: name, step: 5 },
    });
    expect(hook.headers["x-s3-signature"]).toBe(sign("k", hook.body, "hex"));
    expect(JSON.parse(getOnly("/slack").body)).toEqual({ text: lines });

    const feishu = JSON.parse(getOnly("/feishu/alarm").body) as { timestamp: string };
    expect(feishu).toEqual({
      timestamp: expect.stringMatching(/^\d{10}$/) as string,
      sign: sign(`${feishu.timestamp}\nk`, "", "base64"),
      msg_type: "text",
      content: { text: lines },
    });
    expect(isNow(1_000 * Number(feishu.timestamp))).toBe(true);

    const dingtalk = getOnly("/dingtalk");
    expect(JSON.parse(dingtalk.body)).toEqual({ msgtype: "text", text: { content: lines } });
    const params = new URL(dingtalk.path, receiver.url).searchParams;
    const timestamp = params.get("timestamp")!;
    expect(isNow(Number(timestamp))).toBe(true);
    expect(Object.fromEntries(params)).toEqual({
      access_token: "robot",
      timestamp,
      sign: sign("k", `${timestamp}\nk`, "base64"),
    });

    const mails = mail.mails.filter((one) => one.includes(`Subject: ${title}`));
    expect(mails).toHaveLength(1);
    expect(mails[0]).toMatch(/^From: s3@example\.org\r\nTo: me@example\.org\r\n/m);
    expect(readMailText(mails[0]!)).toBe(lines);
    expect(receiver.got.some(({ path }) => path === "/ends")).toBe(false);

    const refusing = `${receiver.url}/refusing`;
    const { id } = await add("refusing", { kind: "dingtalk", url: refusing, secret: "" }, [
      "failed",
    ]);
    await expect(server.plane.notifications.test(id)).rejects.toThrow(
      "Not delivered: refused (310000): sign not match",
    );
    await worker.request("transition", { runId, attempt, to: "failed", reason: "seen" });
    worker.disconnect();
    await removeAll();
  });
});
