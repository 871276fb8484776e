import { markText } from "@/app/_i18n/format-text";
import type { TargetField } from "@/app/_ui/target-form";
import type { ChannelAddress, NotificationEvent } from "@/contracts/api/notifications";

/** Shown by `t(text)`, like all texts here. */
export const CHANNEL_KINDS: Readonly<Record<ChannelAddress["kind"], string>> = {
  webhook: markText("Webhook"),
  slack: markText("Slack"),
  feishu: markText("Feishu"),
  dingtalk: markText("DingTalk"),
  email: markText("Mail"),
};

export const EVENT_TEXTS: Readonly<Record<NotificationEvent, string>> = {
  succeeded: markText("succeeded"),
  failed: markText("failed"),
  cancelled: markText("cancelled"),
  alarm: markText("alarms"),
};

const url = (hint: string): TargetField => ({ name: "url", label: markText("Address"), hint });
const secret: TargetField = {
  name: "secret",
  label: markText("Secret for signatures"),
  hint: markText("Empty: messages are not signed."),
  secret: true,
};

/** What each kind of channel asks for. */
export const CHANNEL_FIELDS: Readonly<Record<ChannelAddress["kind"], readonly TargetField[]>> = {
  webhook: [
    url(markText("Gets JSON by POST: title, text, link, event.")),
    { ...secret, hint: markText("Signs each message: header x-s3-signature. Empty: not signed.") },
  ],
  slack: [url(markText("An incoming webhook of a Slack app."))],
  feishu: [url(markText("Webhook of a custom bot of the group.")), secret],
  dingtalk: [url(markText("Webhook of a custom robot, with its access_token.")), secret],
  email: [
    { name: "host", label: markText("Mail server (SMTP)"), hint: "smtp.example.org" },
    {
      name: "port",
      label: markText("Port"),
      hint: markText("587 with STARTTLS, 465 with TLS."),
      initial: "587",
    },
    { name: "user", label: markText("User"), hint: markText("Empty: the server wants none.") },
    { name: "password", label: markText("Password"), secret: true },
    { name: "from", label: markText("From") },
    { name: "to", label: markText("To") },
  ],
};
