"use client";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Plus, Send } from "lucide-react";
import dynamic from "next/dynamic";
import { useText } from "@/app/_i18n/text-provider";
import { useDialogParam } from "@/app/_lib/hooks/use-params";
import { useTRPC } from "@/app/_lib/live/trpc";
import { Button } from "@/app/_ui/button";
import { Card, CardHeader } from "@/app/_ui/card";
import { QueryErrorState, Skeleton } from "@/app/_ui/states";
import { TargetItem } from "@/app/_ui/target-item";
import { useNotify } from "@/app/_ui/toast";
import type { ChannelRow } from "@/contracts/api/notifications";
import { BrowserCard } from "./browser-card";
import { CHANNEL_KINDS, EVENT_TEXTS } from "./channel-texts";

/** Loaded when it is opened first: it checks what was entered by the schemas. */
const ChannelDialog = dynamic(() => import("./channel-dialog").then((m) => m.ChannelDialog), {
  ssr: false,
});

const DIALOGS = ["channel"] as const;

/** Where people are told of runs that end and of alarms. */
export function NotificationsView() {
  const t = useText();
  const trpc = useTRPC();
  const [open, setOpen] = useDialogParam(DIALOGS);
  const channels = useQuery(
    trpc.notifications.list.queryOptions(undefined, { refetchInterval: 5_000 }),
  );
  return (
    <>
      <header className="flex items-center justify-between gap-4">
        <h1 className="text-lg font-semibold">{t("Notifications")}</h1>
        <Button variant="primary" onClick={() => setOpen("channel")}>
          <Plus /> {t("Add a channel")}
        </Button>
      </header>
      <div className="mt-4 grid items-start gap-4 lg:grid-cols-[minmax(0,1fr)_24rem]">
        <Card className="pb-2" aria-label={t("Channels")}>
          <CardHeader
            title={t("Channels")}
            description={t(
              "Told by the server, also while no page is open: each event once, tried again for about a quarter of an hour where it is not taken.",
            )}
          />
          <QueryErrorState
            className="m-4"
            title={t("The channels could not be read")}
            query={channels}
          />
          {channels.isPending ? <Skeleton className="m-4 h-16" /> : null}
          {channels.data?.length === 0 ? (
            <p className="px-4 py-3 text-muted-foreground">
              {t("No channel yet. Add a webhook, Slack, Feishu, DingTalk or a mail address.")}
            </p>
          ) : null}
          <ul>
            {channels.data?.map((channel) => (
              <ChannelItem key={channel.id} channel={channel} />
            ))}
          </ul>
        </Card>
        <BrowserCard />
      </div>
      {open === "channel" ? <ChannelDialog onClose={() => setOpen(null)} /> : null}
    </>
  );
}

/** A channel with what became of its messages. */
function ChannelItem({ channel }: { channel: ChannelRow }) {
  const t = useText();
  const trpc = useTRPC();
  const queryClient = useQueryClient();
  const notify = useNotify();
  const refresh = () => void queryClient.invalidateQueries(trpc.notifications.pathFilter());
  const test = useMutation(
    trpc.notifications.test.mutationOptions({
      onSuccess: () => notify("good", t("{name} took the test message", { name: channel.name })),
      onError: (error) => notify("bad", `${channel.name}: ${error.message}`),
    }),
  );
  const remove = useMutation(
    trpc.notifications.remove.mutationOptions({
      onSettled: refresh,
      onError: (error) => notify("bad", error.message),
    }),
  );
  const { name, kind, target, events, sent, pending, failed, error } = channel;
  const kindText = t(CHANNEL_KINDS[kind as keyof typeof CHANNEL_KINDS]);
  return (
    <TargetItem
      data-channel={name}
      name={name}
      facts={`${kindText} · ${target} · ${events.map((event) => t(EVENT_TEXTS[event])).join(", ")}`}
      progress={t(
        "{sent, plural, one {# message} other {# messages}} delivered{pending, plural, =0 {} other {, {pending} on the way}}{failed, plural, =0 {} other {, {failed} given up}}",
        { sent, pending, failed },
      )}
      error={error}
      test={{
        label: (
          <>
            <Send /> {test.isPending ? t("Sending") : t("Send a test")}
          </>
        ),
        isPending: test.isPending,
        run: () => test.mutate({ id: channel.id }),
      }}
      removal={{
        consequence: t("Its messages that are on the way are not delivered."),
        isPending: remove.isPending,
        run: () => remove.mutate({ id: channel.id }),
      }}
    />
  );
}
