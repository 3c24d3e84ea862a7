// What the load profiles share.
export const any = (list) => list[Math.floor(Math.random() * list.length)];

// table is the summary: one line for each kind of request, then figures, then whether the promises were kept.
export function table(data, kinds, more) {
  const line = (name, key) => {
    const v = data.metrics[key] && data.metrics[key].values;
    const ms = (x) => `${x.toFixed(1)} ms`.padStart(11);
    return v ? `${name.padEnd(10)}${ms(v['p(50)'])}${ms(v['p(95)'])}${ms(v['p(99)'])}${ms(v.max)}` : '';
  };
  const broken = Object.entries(data.metrics).filter(([, m]) => Object.values(m.thresholds || {}).some((t) => !t.ok)).map(([name]) => name);
  return {
    stdout: [
      `${''.padEnd(10)}${'p50'.padStart(11)}${'p95'.padStart(11)}${'p99'.padStart(11)}${'max'.padStart(11)}`,
      line('all', 'http_req_duration'), ...kinds.map((kind) => line(kind, `atrium_${kind}`)),
      `requests   ${data.metrics.http_reqs.values.count} (${data.metrics.http_reqs.values.rate.toFixed(1)} a second)`,
      `errors     ${(100 * data.metrics.http_req_failed.values.rate).toFixed(3)} %`, ...more,
      `promises   ${broken.length ? `BROKEN: ${broken.join(', ')}` : 'kept'}`, '',
    ].join('\n'),
  };
}
