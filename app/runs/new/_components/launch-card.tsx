import { CircleAlert } from "lucide-react";
import { useId, type ReactNode } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { Card } from "@/app/_ui/card";

interface LaunchCardProps {
  buttons: ReactNode;
  /** Whether something is in the way, which the card says. */
  isBlocked: boolean;
  children: ReactNode;
}

/**
 * The card that launches: on wide screens beside the form, on others below it, with its buttons in a bar at the foot of
 * the screen, which leads to the card where something is in the way. The buttons are in sight wherever one is in the form.
 */
export function LaunchCard({ buttons, isBlocked, children }: LaunchCardProps) {
  const t = useText();
  const id = useId();
  return (
    <Card
      id={id}
      className="p-4 max-lg:scroll-mt-4 lg:sticky lg:top-5 lg:max-h-[calc(100dvh-2.5rem)] lg:overflow-y-auto"
      aria-label={t("Launch")}
    >
      <h2 className="font-semibold">{t("Launch")}</h2>
      <div className="mt-2 max-lg:fixed max-lg:inset-x-0 max-lg:bottom-14 max-lg:z-20 max-lg:border-t max-lg:bg-card max-lg:px-4 max-lg:py-2 md:max-lg:bottom-0 md:max-lg:left-48">
        {isBlocked ? (
          <a
            href={`#${id}`}
            className="mb-1 flex min-h-6 items-center gap-1.5 text-xs text-warn underline decoration-dotted underline-offset-2 lg:hidden"
          >
            <CircleAlert className="size-3.5 shrink-0" aria-hidden />{" "}
            {t("It cannot be launched yet: see why")}
          </a>
        ) : null}
        <div className="flex gap-2">{buttons}</div>
      </div>
      {children}
    </Card>
  );
}
