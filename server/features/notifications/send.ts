import { z } from "zod";
import type { ChannelAddress } from "@/contracts/api/notifications";
import { parseJsonOrNull } from "@/lib/json";
import { describeFetchError } from "@/lib/errors";
import { fetchGuarded, guardedLookup } from "@/server/platform/guarded-agent";
import { buildMailText, buildRequest, type Message } from "./message";

const SEND_MS = 15_000;

/** A failure that may pass by itself is retried; a refusal is not. */
export class Refusal extends Error {}

/**
 * Sends a message once.
 *
 * @throws Refusal where it was refused and will be again, Error where it may succeed later
 */
export const sendMessage = (address: ChannelAddress, message: Message): Promise<void> =>
  address.kind === "email" ? sendMail(address, message) : post(address, message);

/** Feishu and DingTalk answer 200 also where they refuse. */
const answerSchema = z.object({
  code: z.number().optional(),
  errcode: z.number().optional(),
  msg: z.string().optional(),
  errmsg: z.string().optional(),
});

async function post(
  address: Exclude<ChannelAddress, { kind: "email" }>,
  message: Message,
): Promise<void> {
  const { url, headers, body } = buildRequest(address, message, Date.now());
  const response = await fetchGuarded(url, {
    method: "POST",
    headers,
    body,
    // Nothing is sent to where a redirection leads: that address was given by nobody.
    redirect: "manual",
    signal: AbortSignal.timeout(SEND_MS),
  }).catch((error: unknown) => {
    throw new Error(describeFetchError(error), { cause: error });
  });
  const text = (await response.text()).slice(0, 2_000);
  if (response.status === 429 || response.status === 408 || response.status >= 500)
    throw new Error(`answered ${response.status}: ${text.slice(0, 200)}`);
  if (!response.ok) throw new Refusal(`answered ${response.status}: ${text.slice(0, 200)}`);
  if (address.kind !== "feishu" && address.kind !== "dingtalk") return;
  const answer = answerSchema.safeParse(parseJsonOrNull(text)).data;
  const code = answer?.code ?? answer?.errcode ?? 0;
  if (code !== 0) throw new Refusal(`refused (${code}): ${answer?.msg ?? answer?.errmsg ?? ""}`);
}

async function sendMail(
  { host, port, user, password, from, to }: Extract<ChannelAddress, { kind: "email" }>,
  message: Message,
): Promise<void> {
  const address = await new Promise<string>((resolve, reject) =>
    guardedLookup(host, {}, (error, found) =>
      error ? reject(error) : resolve(typeof found === "string" ? found : found[0]!.address),
    ),
  ).catch((error: unknown) => {
    throw new Error(describeFetchError(error), { cause: error });
  });
  // Loaded only where it is used: most installations send no mail.
  const { createTransport } = await import("nodemailer");
  const transport = createTransport({
    host: address,
    port,
    secure: port === 465,
    tls: { servername: host },
    ...(user ? { auth: { user, pass: password } } : {}),
    connectionTimeout: SEND_MS,
    greetingTimeout: SEND_MS,
    socketTimeout: SEND_MS,
  });
  try {
    await transport.sendMail({ from, to, subject: message.title, text: buildMailText(message) });
  } catch (error) {
    const { responseCode } = error as { responseCode?: number };
    const text = describeFetchError(error);
    // SMTP: from 500 on a refusal is for good.
    throw responseCode !== undefined && responseCode >= 500 ? new Refusal(text) : new Error(text);
  } finally {
    transport.close();
  }
}
