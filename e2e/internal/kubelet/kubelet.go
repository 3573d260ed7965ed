// Package kubelet runs the pod of a StatefulSet, as the StatefulSet controller
// made it, by programs of the machine in place of images: with the variables,
// the volumes, the ServiceAccount and the arguments that its template has. It
// knows of a pod what a vcluster's needs.
package kubelet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"kasou/e2e/internal/cluster"
	"kasou/e2e/internal/pod"
	"kasou/e2e/internal/process"
)

// Image is what stands in the place of a container image.
type Image struct {
	// Files are paths in the container, and where they are on the machine.
	Files map[string]string
	// Entrypoint is the program and its arguments, where the container names no
	// command.
	Entrypoint []string
}

// Options say which pod to run, and by what.
type Options struct {
	Namespace, Name string
	// Image returns what an image's reference stands for.
	Image func(reference string) (Image, error)
	// Ready reports whether the pod's containers are ready; it is asked every
	// second.
	Ready func(context.Context) error
	// Claims is the folder of the persistent volumes: they outlive the pod.
	Claims string
}

// Kubelet runs one pod, and each that comes after it by the same name.
type Kubelet struct {
	cluster *cluster.Cluster
	client  kubernetes.Interface
	options Options
	stop    context.CancelFunc
	done    chan struct{}

	mu      sync.Mutex
	running *running
	last    string
	err     error
}

// running is a pod with its program.
type running struct {
	uid     types.UID
	image   string
	pods    []*pod.Pod
	inside  *pod.Pod
	program *process.Process
	ready   bool
}

// node is where the pod is said to run.
const node = "loop"

// Start runs the pod as soon as it is there. Stop ends it.
func Start(c *cluster.Cluster, o Options) (*Kubelet, error) {
	config, err := c.Admin()
	if err != nil {
		return nil, err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	k := &Kubelet{cluster: c, client: client, options: o, stop: stop, done: make(chan struct{})}
	go k.loop(ctx)
	return k, nil
}

// Stop ends the pod's program, without asking the API server.
func (k *Kubelet) Stop() {
	k.stop()
	<-k.done
	k.end()
}

// UID returns that of the pod that runs and is ready, or "" where none is.
func (k *Kubelet) UID() types.UID {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.running == nil || !k.running.ready {
		return ""
	}
	return k.running.uid
}

// Image returns the image of the pod that runs, or "" where none does.
func (k *Kubelet) Image() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.running == nil {
		return ""
	}
	return k.running.image
}

// Exec runs a program with the files and variables of the pod that runs, as
// kubectl exec does, and waits for its end.
func (k *Kubelet) Exec(args ...string) error {
	k.mu.Lock()
	r := k.running
	k.mu.Unlock()
	if r == nil {
		return errors.New("no pod runs")
	}
	if out, err := r.inside.Command(args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// Logs returns the last lines of the program that runs, or of the last one.
func (k *Kubelet) Logs() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	text := k.last
	if k.running != nil && k.running.program != nil {
		text += "\n" + k.running.program.Tail()
	}
	if k.err != nil {
		text += "\nkubelet: " + k.err.Error()
	}
	return text
}

func (k *Kubelet) loop(ctx context.Context) {
	defer close(k.done)
	for ctx.Err() == nil {
		err := k.step(ctx)
		k.mu.Lock()
		k.err = err
		k.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// step brings what runs nearer to what the API server has.
func (k *Kubelet) step(ctx context.Context) error {
	pods := k.client.CoreV1().Pods(k.options.Namespace)
	wanted, err := pods.Get(ctx, k.options.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		k.end()
		return nil
	}
	if err != nil {
		return err
	}
	if wanted.DeletionTimestamp != nil {
		k.end()
		now := int64(0)
		return pods.Delete(ctx, wanted.Name, metav1.DeleteOptions{GracePeriodSeconds: &now})
	}
	k.mu.Lock()
	r := k.running
	k.mu.Unlock()
	if r != nil && (r.uid != wanted.UID || r.program.Ended()) {
		k.end()
		r = nil
	}
	if r == nil {
		if r, err = k.run(ctx, wanted); err != nil {
			return err
		}
		k.mu.Lock()
		k.running = r
		k.mu.Unlock()
	}
	ready := k.options.Ready(ctx) == nil
	k.mu.Lock()
	changed := r.ready != ready
	r.ready = ready
	k.mu.Unlock()
	if changed || wanted.Status.Phase != corev1.PodRunning {
		return k.report(ctx, wanted, ready)
	}
	return nil
}

// end stops what runs.
func (k *Kubelet) end() {
	k.mu.Lock()
	r := k.running
	k.running = nil
	k.mu.Unlock()
	if r == nil {
		return
	}
	r.program.Stop()
	k.mu.Lock()
	k.last = r.program.Tail()
	k.mu.Unlock()
	for _, p := range r.pods {
		p.Remove()
	}
}

// run starts the pod: its init containers one after the other, then its only
// container.
func (k *Kubelet) run(ctx context.Context, wanted *corev1.Pod) (_ *running, err error) {
	if wanted.Spec.NodeName == "" {
		binding := &corev1.Binding{ObjectMeta: metav1.ObjectMeta{Name: wanted.Name}, Target: corev1.ObjectReference{Kind: "Node", Name: node}}
		if err := k.client.CoreV1().Pods(wanted.Namespace).Bind(ctx, binding, metav1.CreateOptions{}); err != nil {
			return nil, err
		}
	}
	if len(wanted.Spec.Containers) != 1 {
		return nil, fmt.Errorf("pod %s has %d containers, and this runs one", wanted.Name, len(wanted.Spec.Containers))
	}
	r := &running{uid: wanted.UID, image: wanted.Spec.Containers[0].Image}
	defer func() {
		if err != nil {
			for _, p := range r.pods {
				p.Remove()
			}
		}
	}()
	volumes, err := k.volumes(ctx, wanted, r)
	if err != nil {
		return nil, err
	}
	for _, container := range wanted.Spec.InitContainers {
		command, _, err := k.container(ctx, wanted, container, volumes, r)
		if err != nil {
			return nil, err
		}
		if out, err := command.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("init container %s: %w: %s", container.Name, err, out)
		}
	}
	command, p, err := k.container(ctx, wanted, wanted.Spec.Containers[0], volumes, r)
	if err != nil {
		return nil, err
	}
	r.inside = p
	r.program, err = process.Start(wanted.Name, p.Log(wanted.Spec.Containers[0].Name), command)
	return r, err
}

// volumes makes the pod's volumes, by their names: folders of the machine.
func (k *Kubelet) volumes(ctx context.Context, wanted *corev1.Pod, r *running) (map[string]string, error) {
	home, err := pod.New("volumes")
	if err != nil {
		return nil, err
	}
	r.pods = append(r.pods, home)
	folders := map[string]string{}
	for _, v := range wanted.Spec.Volumes {
		folder := home.Outside("/" + v.Name)
		switch {
		case v.EmptyDir != nil:
			err = os.MkdirAll(folder, 0o755)
		case v.PersistentVolumeClaim != nil:
			folder = filepath.Join(k.options.Claims, v.PersistentVolumeClaim.ClaimName)
			err = os.MkdirAll(folder, 0o755)
		case v.Secret != nil:
			err = k.secret(ctx, wanted.Namespace, v.Secret.SecretName, home, v.Name)
		case v.Projected != nil:
			continue // the ServiceAccount's token: Account has it
		default:
			err = fmt.Errorf("volume %s is of a kind that this cannot make", v.Name)
		}
		if err != nil {
			return nil, err
		}
		folders[v.Name] = folder
	}
	return folders, nil
}

func (k *Kubelet) secret(ctx context.Context, namespace, name string, home *pod.Pod, volume string) error {
	secret, err := k.client.CoreV1().Secrets(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	for key, data := range secret.Data {
		if err := home.File("/"+volume+"/"+key, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// container prepares one container of the pod.
func (k *Kubelet) container(ctx context.Context, wanted *corev1.Pod, c corev1.Container, volumes map[string]string, r *running) (*exec.Cmd, *pod.Pod, error) {
	image, err := k.options.Image(c.Image)
	if err != nil {
		return nil, nil, err
	}
	p, err := pod.New(c.Name)
	if err != nil {
		return nil, nil, err
	}
	r.pods = append(r.pods, p)
	if err := p.Account(ctx, k.cluster, wanted.Namespace, wanted.Spec.ServiceAccountName); err != nil {
		return nil, nil, err
	}
	for path, from := range image.Files {
		err = errors.Join(err, p.Mount(path, from))
	}
	for _, m := range c.VolumeMounts {
		if from := volumes[m.Name]; from != "" {
			err = errors.Join(err, p.Mount(m.MountPath, from))
		}
	}
	if err != nil {
		return nil, nil, err
	}
	for _, v := range c.Env {
		value, err := variable(wanted, v)
		if err != nil {
			return nil, nil, err
		}
		p.Env(v.Name + "=" + value)
	}
	args := slices.Concat(c.Command, c.Args)
	if len(c.Command) == 0 {
		args = slices.Concat(image.Entrypoint, c.Args)
	}
	return p.Command(args...), p, nil
}

// variable is the value of a container's variable.
func variable(wanted *corev1.Pod, v corev1.EnvVar) (string, error) {
	if v.ValueFrom == nil {
		return v.Value, nil
	}
	if v.ValueFrom.FieldRef == nil {
		return "", fmt.Errorf("variable %s comes from where this cannot look", v.Name)
	}
	switch path := v.ValueFrom.FieldRef.FieldPath; path {
	case "metadata.name":
		return wanted.Name, nil
	case "metadata.namespace":
		return wanted.Namespace, nil
	case "spec.nodeName":
		return node, nil
	case "spec.serviceAccountName":
		return wanted.Spec.ServiceAccountName, nil
	case "status.podIP", "status.hostIP":
		return "127.0.0.1", nil
	default:
		return "", fmt.Errorf("variable %s is of the field %s, which this does not know", v.Name, path)
	}
}

// report tells the API server how the pod is.
func (k *Kubelet) report(ctx context.Context, wanted *corev1.Pod, ready bool) error {
	status := corev1.ConditionFalse
	if ready {
		status = corev1.ConditionTrue
	}
	now := metav1.Now()
	wanted.Status.Phase = corev1.PodRunning
	wanted.Status.Conditions = nil
	for _, kind := range []corev1.PodConditionType{corev1.PodReady, corev1.ContainersReady} {
		wanted.Status.Conditions = append(wanted.Status.Conditions, corev1.PodCondition{Type: kind, Status: status, LastTransitionTime: now})
	}
	wanted.Status.ContainerStatuses = []corev1.ContainerStatus{{
		Name: wanted.Spec.Containers[0].Name, Image: wanted.Spec.Containers[0].Image, Ready: ready, Started: &ready,
		State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: now}},
	}}
	_, err := k.client.CoreV1().Pods(wanted.Namespace).UpdateStatus(ctx, wanted, metav1.UpdateOptions{})
	return err
}

// Repository returns the image's name without tag and digest.
func Repository(reference string) string {
	name, _, _ := strings.Cut(reference, "@")
	slash := strings.LastIndex(name, "/")
	if colon := strings.LastIndex(name, ":"); colon > slash {
		name = name[:colon]
	}
	return name
}
