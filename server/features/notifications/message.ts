import { createHmac } from "node:crypto";
import type { ChannelAddress, StoredEvent } from "@/contracts/api/notifications";
import { ALARMS } from "@/core/metrics/alarms";

/** A message as every channel carries it. */
export interface Message {
  title: string;
  text: string;
  /** Page of the run. */
  link: string;
  event: StoredEvent | null;
}

/** What is said of an event. @param run the run's name, kind and headline */
export function buildMessage(event: StoredEvent, run: { name: string }, origin: string): Message {
  const link = `${origin}/runs/${event.runId}`;
  if (event.kind === "alarm") {
    const { title, meaning } = ALARMS[event.alarm];
    return {
      title: `Alarm in ${run.name}: ${title}`,
      text: `Raised after step ${event.step}. ${meaning}`,
      link,
      event,
    };
  }
  return { title: `${run.name}: ${event.state}`, text: event.reason ?? "", link, event };
}

/** A message that only shows that a channel works. */
export const buildTestMessage = (origin: string): Message => ({
  title: "s3: this channel works",
  text: "Runs that end and alarms will be told here.",
  link: `${origin}/notifications`,
  event: null,
});

const joinLines = ({ title, text, link }: Message): string =>
  [title, text, link].filter(Boolean).join("\n");

type HttpAddress = Exclude<ChannelAddress, { kind: "email" }>;

/** The request that carries a message. @param now milliseconds since the epoch, which signatures hold */
export function buildRequest(
  address: HttpAddress,
  message: Message,
  now: number,
): { url: string; headers: Record<string, string>; body: string } {
  const headers: Record<string, string> = { "content-type": "application/json" };
  switch (address.kind) {
    case "slack":
      return { url: address.url, headers, body: JSON.stringify({ text: joinLines(message) }) };
    case "webhook": {
      const body = JSON.stringify(message);
      if (address.secret)
        headers["x-s3-signature"] = createHmac("sha256", address.secret).update(body).digest("hex");
      return { url: address.url, headers, body };
    }
    case "feishu": {
      const timestamp = String(Math.floor(now / 1000));
      // Feishu's documented way: the text to sign is the key, and nothing is signed by it.
      const sign = createHmac("sha256", `${timestamp}\n${address.secret}`).digest("base64");
      return {
        url: address.url,
        headers,
        body: JSON.stringify({
          ...(address.secret ? { timestamp, sign } : {}),
          msg_type: "text",
          content: { text: joinLines(message) },
        }),
      };
    }
    case "dingtalk": {
      const url = new URL(address.url);
      if (address.secret) {
        const signed = createHmac("sha256", address.secret).update(`${now}\n${address.secret}`);
        url.searchParams.set("timestamp", String(now));
        url.searchParams.set("sign", signed.digest("base64"));
      }
      const body = JSON.stringify({ msgtype: "text", text: { content: joinLines(message) } });
      return { url: url.href, headers, body };
    }
  }
}

/** Plain text of a mail. */
export const buildMailText = (message: Message): string => joinLines(message);
