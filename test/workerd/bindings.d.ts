/// <reference types="@cloudflare/vitest-plugin/types" />

/** What `cloudflare:workers` offers to the tests that run inside workerd: the bindings of wrangler.toml, and the Worker's own exports. */
declare namespace Cloudflare {
  type Bindings = import('../../worker.ts').Env;
  interface Env extends Bindings {}
  interface GlobalProps {
    mainModule: typeof import('../../worker.ts');
    durableNamespaces: 'Shard' | 'Catalog' | 'Keyring';
  }
}
