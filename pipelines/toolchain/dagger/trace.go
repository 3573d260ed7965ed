package dagger

import (
	"context"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"
)

const (
	// traceParentEnv and tracesEnv are set by `dagger run`: the span that kasou
	// runs in, and where spans go.
	traceParentEnv = "TRACEPARENT"
	tracesEnv      = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"

	// encapsulate tells Dagger to hide what is below a span, unless that failed.
	encapsulate = attribute.Key("dagger.io/ui.encapsulate")

	// liveInterval is how long a span may wait for others to go out with it, and
	// flushTimeout how long the last may take.
	liveInterval = 100 * time.Millisecond
	flushTimeout = 2 * time.Second
)

// tracing adds kasou's own spans to the trace that `dagger run` draws. A nil
// one does nothing. Nothing that goes wrong with a trace is anybody's error.
type tracing struct {
	provider *sdktrace.TracerProvider
	tracer   oteltrace.Tracer
	// parent has what getenv says about the span that kasou runs in.
	parent propagation.MapCarrier
}

// openTrace returns nil where `dagger run` does not listen.
func openTrace(ctx context.Context, getenv func(string) string) *tracing {
	if !inSession(getenv) || getenv(traceParentEnv) == "" || getenv(tracesEnv) == "" {
		return nil
	}
	exporter, err := otlptracehttp.New(context.WithoutCancel(ctx), otlptracehttp.WithEndpointURL(getenv(tracesEnv)),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{Enabled: false}))
	if err != nil {
		return nil
	}
	batches := sdktrace.NewBatchSpanProcessor(silent{exporter}, sdktrace.WithBatchTimeout(liveInterval), sdktrace.WithExportTimeout(flushTimeout))
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(live{batches}),
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", "kasou"))))
	return &tracing{provider: provider, tracer: provider.Tracer("kasou"), parent: propagation.MapCarrier{
		"traceparent": getenv(traceParentEnv), "tracestate": getenv("TRACESTATE"), "baggage": getenv("BAGGAGE"),
	}}
}

// start opens a span that hides those below it. What it gives ends the span,
// with what became of it.
func (t *tracing) start(ctx context.Context, name string) (context.Context, func(error)) {
	if t == nil {
		return ctx, func(error) {}
	}
	if !oteltrace.SpanContextFromContext(ctx).IsValid() {
		ctx = propagation.NewCompositeTextMapPropagator(propagation.Baggage{}, propagation.TraceContext{}).Extract(ctx, t.parent)
	}
	ctx, span := t.tracer.Start(ctx, name, oteltrace.WithAttributes(encapsulate.Bool(true)))
	return ctx, func(err error) {
		// What a command says no to is a finding, told by kasou. As an error, Dagger
		// would show all below it.
		if e := failed(err); e != nil {
			span.SetName(name + ": exit code " + strconv.Itoa(e.code))
		} else if err != nil {
			span.SetStatus(codes.Error, err.Error())
		}
		span.End()
	}
}

// close sends what was not sent yet.
func (t *tracing) close() {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
	defer cancel()
	_ = t.provider.Shutdown(ctx) // nobody's error
}

// live sends a span when it begins, too: Dagger shows it at work, and knows
// where what runs below it belongs.
type live struct{ sdktrace.SpanProcessor }

func (l live) OnStart(_ context.Context, s sdktrace.ReadWriteSpan) { l.OnEnd(s) }

// silent keeps failures from OpenTelemetry's handler, which prints them.
type silent struct{ sdktrace.SpanExporter }

func (s silent) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	_ = s.SpanExporter.ExportSpans(ctx, spans)
	return nil
}
