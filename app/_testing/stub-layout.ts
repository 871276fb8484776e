/** jsdom lays nothing out: every element is given one size, so that charts have room to draw in. */
export const SIZE = { width: 454, height: 172 } as const;

class SizeObserver {
  constructor(private readonly onResize: ResizeObserverCallback) {}
  observe(target: Element): void {
    this.onResize(
      [{ target, contentRect: target.getBoundingClientRect() } as ResizeObserverEntry],
      this,
    );
  }
  unobserve(): void {}
  disconnect(): void {}
}

/** Gives every element the size above, at the origin of the page, and what else of a layout radix asks for. */
export function stubLayout(): void {
  window.ResizeObserver = SizeObserver;
  const box = { x: 0, y: 0, top: 0, left: 0, right: SIZE.width, bottom: SIZE.height, ...SIZE };
  Element.prototype.scrollIntoView = () => undefined;
  Element.prototype.hasPointerCapture = () => false;
  Element.prototype.getBoundingClientRect = () => ({ ...box, toJSON: () => box });
}
