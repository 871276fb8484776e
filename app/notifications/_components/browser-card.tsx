"use client";
import { useState } from "react";
import { useText } from "@/app/_i18n/text-provider";
import {
  setBrowserNotifications,
  useBrowserNotifications,
} from "@/app/_lib/live/browser-notifications";
import { Card, CardHeader } from "@/app/_ui/card";
import { Skeleton } from "@/app/_ui/states";
import { LabelledSwitch } from "@/app/_ui/switch";

/** Turns the messages of this browser on and off. */
export function BrowserCard() {
  const t = useText();
  const on = useBrowserNotifications();
  const [problem, setProblem] = useState<string | null>(null);
  return (
    <Card className="pb-3" aria-label={t("This browser")}>
      <CardHeader
        title={t("This browser")}
        description={t("Told by the browser while a page of this product is open in it.")}
      />
      <div className="px-4">
        {on === null ? (
          <Skeleton className="h-5 w-56" />
        ) : (
          <LabelledSwitch
            id="browser-notifications"
            label={t("Runs that end, and alarms")}
            checked={on}
            onChange={(next) => void setBrowserNotifications(t, next).then(setProblem)}
          />
        )}
        {problem ? (
          <p role="alert" className="mt-2 text-xs text-bad">
            {problem}
          </p>
        ) : null}
      </div>
    </Card>
  );
}
