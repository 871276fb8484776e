import type { ReactNode } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { Card } from "@/app/_ui/card";

/**
 * The card that launches: on wide screens beside the form, on others above it, with its buttons in a bar at the foot of
 * the screen. The buttons are in sight wherever one is in the form.
 */
export function LaunchCard({ buttons, children }: { buttons: ReactNode; children: ReactNode }) {
  const t = useText();
  return (
    <Card
      className="p-4 lg:sticky lg:top-5 lg:max-h-[calc(100dvh-2.5rem)] lg:overflow-y-auto"
      aria-label={t("Launch")}
    >
      <h2 className="font-semibold">{t("Launch")}</h2>
      <div className="mt-2 flex gap-2 max-lg:fixed max-lg:inset-x-0 max-lg:bottom-14 max-lg:z-20 max-lg:border-t max-lg:bg-card max-lg:px-4 max-lg:py-2 md:max-lg:bottom-0 md:max-lg:left-48">
        {buttons}
      </div>
      {children}
    </Card>
  );
}
