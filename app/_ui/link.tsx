"use client";
import NextLink from "next/link";
import { useState, type ComponentProps } from "react";

interface LinkProps extends Omit<ComponentProps<typeof NextLink>, "prefetch"> {
  /** False: its page is fetched once it is followed, where the pointer crosses many such links. */
  prefetch?: false;
}

/**
 * A link to a page, which is fetched once the pointer or the focus is on the link. The framework would fetch the page of
 * every link in sight: a list has dozens, each of which the server draws, while the page itself still asks for its data.
 */
export function Link({ prefetch, onPointerEnter, onFocus, ...props }: LinkProps) {
  const [isWanted, setWanted] = useState(false);
  const want = (): void => {
    if (prefetch !== false) setWanted(true);
  };
  return (
    <NextLink
      {...props}
      prefetch={isWanted ? null : false}
      onPointerEnter={(event) => {
        want();
        onPointerEnter?.(event);
      }}
      onFocus={(event) => {
        want();
        onFocus?.(event);
      }}
    />
  );
}
