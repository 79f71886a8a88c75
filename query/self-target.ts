/* Varve as a target of its own: `npm start` writes its metrics (cli/self-scrape.ts), and Prometheus' pages of targets show it. */

/** The job of these metrics, and the name of the scrape pool. */
export const SELF_JOB = 'varve';
export const SELF_SCRAPE_SECONDS = 15;
/** As Prometheus writes it. */
export const SELF_SCRAPE_INTERVAL = `${SELF_SCRAPE_SECONDS}s`;
