import { createHmac } from "node:crypto";
import { createServer as createHttpServer, type IncomingMessage, type Server } from "node:http";
import { createServer as createTcpServer } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ChannelAddress, NotificationEvent } from "@/contracts/api/notifications";
import { waitUntil } from "@/lib/testing/wait-until";
import { listenLocally } from "@/lib/testing/listen-locally";
import { getPresetConfig } from "@/server/testing/samples";
import { startTestServer, type TestServer } from "@/server/testing/test-server";

interface Received {
  path: string;
  headers: IncomingMessage["headers"];
  body: string;
}

/** A receiver of webhooks. The first request to /busy is answered 503, every one to /gone 410. */
async function startReceiver(): Promise<{ url: string; got: Received[]; server: Server }> {
  const got: Received[] = [];
  const server = createHttpServer((request, response) => {
    let body = "";
    request.on("data", (part: Buffer) => (body += part.toString()));
    request.on("end", () => {
      const path = request.url ?? "";
      got.push({ path, headers: request.headers, body });
      const before = got.filter((one) => one.path === path).length;
      const status = path === "/gone" ? 410 : path === "/busy" && before === 1 ? 503 : 200;
      response.writeHead(status).end(path.startsWith("/feishu") ? '{"code":0}' : "ok");
    });
  });
  return { url: await listenLocally(server), got, server };
}

/** A mail server that takes every mail and keeps its text. */
async function startMailServer() {
  const mails: string[] = [];
  const server = createTcpServer((socket) => {
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
  let receiver: Awaited<ReturnType<typeof startReceiver>>;
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

  beforeAll(async () => {
    [server, receiver, mail] = await Promise.all([
      startTestServer(),
      startReceiver(),
      startMailServer(),
    ]);
  });
  afterAll(async () => {
    await server.stop();
    receiver.server.close();
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
    await Promise.all(
      (await server.plane.notifications.list()).map(({ id }) =>
        server.plane.notifications.remove(id),
      ),
    );
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
    await Promise.all(
      (await server.plane.notifications.list()).map(({ id }) =>
        server.plane.notifications.remove(id),
      ),
    );
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
    await Promise.all(
      (await server.plane.notifications.list()).map(({ id }) =>
        server.plane.notifications.remove(id),
      ),
    );
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
});
