/** Counts what was allocated on a device and not yet destroyed. */

/** Watches a device, or with a prototype all devices, from now on. */
export class LiveMemory {
  /** Buffers, textures and sets of timestamps that were made so far. */
  made = 0;
  readonly #live = new Set<object>();

  /** @param device Its functions are replaced. */
  constructor(device: GPUDevice) {
    for (const name of ["createBuffer", "createTexture", "createQuerySet"] as const) {
      const create = device[name] as (descriptor: unknown) => { destroy(): void };
      const watched = (own: GPUDevice, descriptor: unknown) =>
        this.#watch(create.call(own, descriptor));
      Object.assign(device, {
        [name](this: GPUDevice, descriptor: unknown) {
          return watched(this, descriptor);
        },
      });
    }
  }

  /** How many of them were not destroyed. */
  get live(): number {
    return this.#live.size;
  }

  #watch<T extends { destroy(): void }>(made: T): T {
    const { destroy } = made;
    this.made++;
    this.#live.add(made);
    return Object.assign(made, {
      destroy: () => {
        this.#live.delete(made);
        destroy.call(made);
      },
    });
  }
}
