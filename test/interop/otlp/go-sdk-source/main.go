// Command otelsdk exports every kind of instrument of OpenTelemetry's Go SDK by OTLP/HTTP: what ../sdk-load.ts does with the JavaScript one, and
// exemplars, which that one has not.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/metric"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/trace"
)

const (
	rounds = 3
	// Between exports: cumulative ones must not have the same time.
	pause = 30 * time.Millisecond
)

var observations = []float64{1, 3, 3, 70, 500, 20_000}

func main() {
	url := flag.String("url", "", "where to export to")
	temporality := flag.String("temporality", "cumulative", "cumulative or delta")
	compression := flag.String("compression", "none", "none or gzip")
	instance := flag.String("instance", "", "service.instance.id")
	flag.Parse()
	if err := run(context.Background(), *url, *temporality == "delta", *compression == "gzip", *instance); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, url string, isDelta, isCompressed bool, instance string) error {
	options := []otlpmetrichttp.Option{otlpmetrichttp.WithEndpointURL(url), otlpmetrichttp.WithTemporalitySelector(selector(isDelta))}
	if isCompressed {
		options = append(options, otlpmetrichttp.WithCompression(otlpmetrichttp.GzipCompression))
	}
	exporter, err := otlpmetrichttp.New(ctx, options...)
	if err != nil {
		return err
	}
	provider := sdk.NewMeterProvider(
		sdk.WithReader(sdk.NewPeriodicReader(exporter, sdk.WithInterval(time.Hour))),
		sdk.WithResource(resource.NewSchemaless(attribute.String("service.name", "interop"), attribute.String("service.instance.id", instance), attribute.String("deployment.zone", "z1"))),
		sdk.WithView(sdk.NewView(sdk.Instrument{Name: "sdk.size"}, sdk.Stream{Aggregation: sdk.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20}})),
	)
	if err := export(sampled(ctx), provider); err != nil {
		return err
	}
	return provider.Shutdown(ctx)
}

// Sums that may fall stay cumulative, as the specification's preference for deltas has it.
func selector(isDelta bool) sdk.TemporalitySelector {
	return func(kind sdk.InstrumentKind) metricdata.Temporality {
		switch kind {
		case sdk.InstrumentKindCounter, sdk.InstrumentKindHistogram, sdk.InstrumentKindObservableCounter:
			if isDelta {
				return metricdata.DeltaTemporality
			}
		}
		return metricdata.CumulativeTemporality
	}
}

// Within a span that is sampled, so that measurements become exemplars.
func sampled(ctx context.Context) context.Context {
	traceID, _ := trace.TraceIDFromHex("0af7651916cd43dd8448eb211c80319c")
	spanID, _ := trace.SpanIDFromHex("b7ad6b7169203331")
	return trace.ContextWithSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{TraceID: traceID, SpanID: spanID, TraceFlags: trace.FlagsSampled}))
}

func export(ctx context.Context, provider *sdk.MeterProvider) error {
	meter := provider.Meter("varve-interop", metric.WithInstrumentationVersion("1.0"))
	counter, err := meter.Int64Counter("sdk.requests", metric.WithDescription("Requests."))
	if err != nil {
		return err
	}
	upDown, err := meter.Int64UpDownCounter("sdk.queue", metric.WithUnit("{items}"))
	if err != nil {
		return err
	}
	gauge, err := meter.Float64Gauge("sdk.temperature", metric.WithUnit("Cel"))
	if err != nil {
		return err
	}
	histogram, err := meter.Float64Histogram("sdk.latency", metric.WithUnit("ms"), metric.WithExplicitBucketBoundaries(2, 100, 1000))
	if err != nil {
		return err
	}
	exponential, err := meter.Int64Histogram("sdk.size", metric.WithUnit("By"))
	if err != nil {
		return err
	}
	observed := 0.0
	if err := observe(meter, &observed); err != nil {
		return err
	}
	for round := 1; round <= rounds; round++ {
		observed = float64(round)
		counter.Add(ctx, 5, attributes("GET", true))
		counter.Add(ctx, 2, attributes("POST", false))
		// A series that begins late.
		if round == rounds {
			counter.Add(ctx, 11, attributes("PUT", true))
		}
		if round == 2 {
			upDown.Add(ctx, -3)
		} else {
			upDown.Add(ctx, 4)
		}
		gauge.Record(ctx, 20+float64(round))
		for _, value := range observations {
			histogram.Record(ctx, value, metric.WithAttributes(attribute.String("route", "/a")))
			exponential.Record(ctx, int64(value))
		}
		if err := provider.ForceFlush(ctx); err != nil {
			return err
		}
		time.Sleep(pause)
	}
	return nil
}

func observe(meter metric.Meter, observed *float64) error {
	if _, err := meter.Float64ObservableCounter("sdk.cpu", metric.WithUnit("s"), metric.WithFloat64Callback(func(_ context.Context, observer metric.Float64Observer) error {
		observer.Observe(*observed*1.5, metric.WithAttributes(attribute.String("cpu", "0")))
		return nil
	})); err != nil {
		return err
	}
	if _, err := meter.Int64ObservableUpDownCounter("sdk.memory", metric.WithUnit("By"), metric.WithInt64Callback(func(_ context.Context, observer metric.Int64Observer) error {
		observer.Observe(100 - int64(*observed))
		return nil
	})); err != nil {
		return err
	}
	_, err := meter.Float64ObservableGauge("sdk.load", metric.WithUnit("1"), metric.WithFloat64Callback(func(_ context.Context, observer metric.Float64Observer) error {
		observer.Observe(*observed / 4)
		return nil
	}))
	return err
}

func attributes(method string, ok bool) metric.MeasurementOption {
	return metric.WithAttributes(attribute.String("http.method", method), attribute.Bool("ok", ok))
}
